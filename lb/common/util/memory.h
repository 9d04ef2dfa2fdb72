// SPDX-License-Identifier: Apache-2.0
/* Zeroed memory or the end of the program: nothing here can go on without it. */
#ifndef LB_MEMORY_H
#define LB_MEMORY_H

#include <stddef.h>

void *allocate(size_t bytes);
void *reallocate(void *old, size_t bytes);
void release(void *memory);

#endif
