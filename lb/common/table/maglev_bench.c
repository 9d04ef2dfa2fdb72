// SPDX-License-Identifier: Apache-2.0
/* How long a Maglev table takes to build: prints one JSON line per size, the best and the median of several
 * builds. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/options.h"
#include "table/maglev.h"
#include "table/prime.h"

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

/* The sizes that are used: the smallest table, the usual one with few and many targets, the largest. */
static void bench_usual(int runs)
{
	bench(997, 10, runs);
	bench(65537, 10, runs);
	bench(65537, 1000, runs);
	bench(16000057, 1000, runs < 3 ? runs : 3);
}

int main(int argc, char **argv)
{
	uint32_t m = 0, n = 0, runs = RUNS_MAX;
	const struct option_spec specs[] = {
		{"M", 'M', "PRIME", "slots of the table; as many sizes as are used where nothing is said",
		 .number = &m, .min = MAGLEV_M_MIN, .max = MAGLEV_M_MAX},
		{"N", 'N', "TARGETS", "targets in it, at most as many as slots; default 10", .number = &n,
		 .min = 1, .max = MAGLEV_N_MAX},
		{"runs", 'r', "NUMBER", "builds of each size", .number = &runs, .min = 1, .max = RUNS_MAX},
	};
	const struct command command = {
		.usage = "[options]\n",
		.about = "Builds Maglev tables and prints the time as JSON lines.\n",
	};

	parse_options(&command, argc, argv, specs, COUNT_OF(specs), 0);
	if (m == 0 && n > 0)
		fail(EXIT_USAGE, "--N says how many targets, and --M is missing: the size of the table.");
	if (m == 0) {
		bench_usual((int)runs);
		return EXIT_OK;
	}
	if (!is_prime(m))
		fail(EXIT_USAGE, "%u is no prime. Try %u or %u.", m, prime_below(m), prime_above(m));
	if (n == 0)
		n = m < 10 ? m : 10;
	if (n > m)
		fail(EXIT_USAGE, "%u targets need as many slots, and there are %u.", n, m);
	bench(m, n, (int)runs);
	return EXIT_OK;
}
