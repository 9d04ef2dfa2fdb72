// SPDX-License-Identifier: Apache-2.0
/* `nfqueue-lb maglev` and `primebelow`: the table without packets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "table/maglev.h"
#include "table/prime.h"
#include "util/memory.h"

struct simulation {
	uint32_t m, n;
	struct maglev_walk walks[MAGLEV_N_MAX];
	bool active[MAGLEV_N_MAX];
	uint16_t *slots;
};

static void populate(const struct simulation *s)
{
	uint64_t *taken = allocate(maglev_taken_words(s->m) * sizeof(*taken));
	struct maglev_walk walks[MAGLEV_N_MAX];
	uint16_t targets[MAGLEV_N_MAX];
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		if (!s->active[i])
			continue;
		walks[n] = s->walks[i];
		targets[n++] = i;
	}
	maglev_fill(s->slots, s->m, targets, walks, n, taken);
	release(taken);
}

static void print_permutations(const struct simulation *s)
{
	puts("Permutations:");
	for (uint32_t i = 0; i < s->n; i++) {
		for (uint32_t j = 0; j < s->m; j++)
			printf(" %02u", (uint32_t)((s->walks[i].slot + (uint64_t)j * s->walks[i].skip) % s->m));
		putchar('\n');
	}
}

static void print_table(const struct simulation *s)
{
	populate(s);
	puts("Active:");
	for (uint32_t i = 0; i < s->n; i++)
		printf(" %d", s->active[i]);
	puts("\nLookup:");
	for (uint32_t i = 0; i < s->m; i++)
		printf(" %u", s->slots[i]);
	putchar('\n');
}

static void begin(struct simulation *s, uint32_t m, uint32_t n)
{
	s->m = m;
	s->n = n;
	s->slots = allocate(m * sizeof(*s->slots));
	memset(s->active, true, n);
}

static void seed_walks(struct simulation *s, uint32_t seed)
{
	for (uint32_t i = 0; i < s->n; i++)
		s->walks[i] = maglev_walk(i, s->m, seed);
}

/* Table 1 of the paper: seven slots, three targets, and then without the second one. */
static void show_paper(struct simulation *s)
{
	static const struct maglev_walk walks[] = {{3, 4, 1, 0}, {0, 2, 1, 0}, {3, 1, 1, 0}};

	begin(s, 7, 3);
	memcpy(s->walks, walks, sizeof(walks));
	print_permutations(s);
	print_table(s);
	s->active[1] = false;
	print_table(s);
}

static void show(struct simulation *s)
{
	print_permutations(s);
	print_table(s);
	s->active[0] = false;
	print_table(s);
	s->active[0] = true;
	print_table(s);
}

/* How many slots change when target 0 leaves. */
static uint32_t moved(struct simulation *s, uint16_t *before)
{
	uint32_t n = 0;

	s->active[0] = true;
	populate(s);
	memcpy(before, s->slots, s->m * sizeof(*before));
	s->active[0] = false;
	populate(s);
	for (uint32_t i = 0; i < s->m; i++)
		n += before[i] != s->slots[i];
	return n;
}

static void show_losses(struct simulation *s, uint32_t seed, uint32_t loops)
{
	uint16_t *before = allocate(s->m * sizeof(*before));
	uint64_t sum = 0;

	for (uint32_t i = 0; i < loops; i++) {
		uint32_t n;

		seed_walks(s, seed + i);
		n = moved(s, before);
		sum += n;
		printf("moved %u, %.1f%%\n", n, 100.0 * n / s->m);
	}
	printf("Mean: %.1f%%, ideal %.1f%%\n", 100.0 * (double)sum / ((double)loops * s->m), 100.0 / s->n);
	release(before);
}

int command_maglev(const struct command *command, int argc, char **argv)
{
	static struct simulation s;
	const int first = parse_options(command, argc, argv, NULL, 0, 4), given = argc - first;
	uint32_t m, n, seed;

	argv += first;
	if (given == 0) {
		show_paper(&s);
		return EXIT_OK;
	}
	if (given < 3)
		fail(EXIT_USAGE, "M, N and SEED are needed, or none of them. Try 'nfqueue-lb maglev --help'.");
	m = prime_below(parse_number(argv[0], "M", MAGLEV_M_MIN, MAGLEV_M_MAX));
	n = parse_number(argv[1], "N", 2, MAGLEV_N_MAX);
	seed = parse_number(argv[2], "SEED", 0, UINT32_MAX);
	if (n > m)
		fail(EXIT_USAGE, "A table of %u slots has no room for %u targets.", m, n);
	begin(&s, m, n);
	printf("M %u, N %u, seed %u\n", m, n, seed);
	if (given == 4) {
		show_losses(&s, seed, parse_number(argv[3], "LOOPS", 1, 1000000));
	} else {
		seed_walks(&s, seed);
		show(&s);
	}
	release(s.slots);
	return EXIT_OK;
}

int command_primebelow(const struct command *command, int argc, char **argv)
{
	const int first = parse_options(command, argc, argv, NULL, 0, 1);

	if (first == argc)
		fail(EXIT_USAGE, "A number is missing. Try 'nfqueue-lb primebelow --help'.");
	printf("%u\n", prime_below(parse_number(argv[first], "The number", 2, UINT32_MAX)));
	return EXIT_OK;
}

int command_version(const struct command *command, int argc, char **argv)
{
	parse_options(command, argc, argv, NULL, 0, 0);
	puts(VERSION);
	return EXIT_OK;
}
