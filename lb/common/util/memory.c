// SPDX-License-Identifier: Apache-2.0
#include "util/memory.h"

#include <stdio.h>
#include <stdlib.h>

static void *checked(void *memory, size_t bytes)
{
	if (!memory) {
		fprintf(stderr, "Cannot get %zu bytes of memory. Use fewer connections.\n", bytes);
		exit(3);
	}
	return memory;
}

void *allocate(size_t bytes)
{
	return checked(calloc(1, bytes ? bytes : 1), bytes);
}

void *reallocate(void *old, size_t bytes)
{
	return checked(realloc(old, bytes), bytes);
}

void release(void *memory)
{
	free(memory);
}
