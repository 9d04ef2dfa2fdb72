// SPDX-License-Identifier: Apache-2.0
/* The live view: what changed between two answers to `stats`, per second. */
#ifndef XDP_WATCH_H
#define XDP_WATCH_H

#include <stdio.h>

/* Both are lines of JSON as balancer_print_stats() writes them: numbers by name, and the array "picked". */
void watch_print(const char *before, const char *now, FILE *out);

#endif
