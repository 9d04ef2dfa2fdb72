// SPDX-License-Identifier: Apache-2.0
/* How long a Maglev table takes to build: prints one JSON line per size, the best and the median of several
 * builds. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "table/maglev.h"

#define RUNS_MAX 21

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* As a balancer builds it: scratch memory and permutations included. */
static double build_ms(uint16_t *lookup, uint32_t m, uint32_t n)
{
	static uint16_t targets[MAGLEV_N_MAX];
	static struct maglev_walk walks[MAGLEV_N_MAX];
	const double began = now_ms();
	uint64_t *taken = malloc(maglev_taken_words(m) * sizeof(*taken));

	if (!taken)
		abort();
	for (uint32_t i = 0; i < n; i++) {
		targets[i] = i;
		walks[i] = maglev_walk(i, m, 0);
	}
	maglev_fill(lookup, m, targets, walks, n, taken);
	free(taken);
	return now_ms() - began;
}

static void bench(uint32_t m, uint32_t n, int runs)
{
	uint16_t *lookup = malloc(m * sizeof(*lookup));
	double ms[RUNS_MAX];

	if (!lookup)
		abort();
	for (int i = 0; i < runs; i++)
		ms[i] = build_ms(lookup, m, n);
	free(lookup);
	qsort(ms, runs, sizeof(*ms), ascending);
	printf("{\"M\":%u,\"N\":%u,\"runs\":%d,\"bestMs\":%.3f,\"medianMs\":%.3f}\n", m, n, runs, ms[0],
	       ms[runs / 2]);
}

int main(void)
{
	bench(997, 10, RUNS_MAX);
	bench(65537, 10, RUNS_MAX);
	bench(65537, 1000, RUNS_MAX);
	bench(16000057, 1000, 3);
	return 0;
}
