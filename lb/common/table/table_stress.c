// SPDX-License-Identifier: Apache-2.0
/*
 * Proves that readers never see a half-built table: one writer publishes as fast as it can while readers
 * compare all they read with what that version must hold. Two readers that are broken on purpose must be
 * caught by the same comparison, else the proof is worth nothing.
 *
 * Usage: table_stress SECONDS
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "table/maglev.h"
#include "table/table.h"

#define TARGETS 10
#define SETS 3 /* odd, so that both halves see all of them */
#define READERS 2

typedef bool reader_fn(const struct table *table, uint32_t hash, struct table_pick *pick);

struct stress {
	struct table table;
	uint16_t *expected[SETS];
	reader_fn *read;
	atomic_bool stop;
	_Atomic uint64_t reads, wrong, publications;
};

/* Version v: a third of the targets is away, and each mark tells version and index. */
static void targets_of(uint64_t version, struct target targets[TARGETS])
{
	for (uint32_t i = 0; i < TARGETS; i++)
		targets[i] = (struct target){
			.fwmark = (uint32_t)version << 4 | i,
			.weight = i % SETS != version % SETS,
		};
}

static void build_expected(struct stress *s)
{
	const uint32_t m = s->table.config.m;
	uint64_t *taken = malloc(maglev_taken_words(m) * sizeof(*taken));

	for (uint32_t set = 0; set < SETS; set++) {
		struct maglev_walk walks[TARGETS];
		uint16_t active[TARGETS];
		uint32_t n = 0;

		for (uint32_t i = 0; i < TARGETS; i++) {
			if (i % SETS == set)
				continue;
			walks[n] = maglev_walk(i, m, 0);
			active[n++] = i;
		}
		s->expected[set] = malloc(m * sizeof(uint16_t));
		maglev_fill(s->expected[set], m, active, walks, n, taken);
	}
	free(taken);
}

static void *write_tables(void *argument)
{
	struct stress *s = argument;
	struct target targets[TARGETS];
	struct table_publication done;

	while (!atomic_load(&s->stop)) {
		targets_of(atomic_load(&s->table.header->published) + 1, targets);
		if (!table_publish(&s->table, targets, &done))
			abort();
		atomic_fetch_add(&s->publications, 1);
	}
	return NULL;
}

static void *read_tables(void *argument)
{
	struct stress *s = argument;
	const uint32_t m = s->table.config.m;
	uint32_t hash = (uint32_t)(uintptr_t)&hash;
	uint64_t reads = 0, wrong = 0;

	while (!atomic_load(&s->stop)) {
		struct table_pick pick = {0};

		hash = hash * 1664525 + 1013904223;
		reads++;
		wrong += !s->read(&s->table, hash, &pick) ||
			 pick.index != s->expected[pick.version % SETS][hash % m] ||
			 pick.fwmark != ((uint32_t)pick.version << 4 | pick.index);
	}
	atomic_fetch_add(&s->reads, reads);
	atomic_fetch_add(&s->wrong, wrong);
	return NULL;
}

/* Broken: does not look whether the writer came around to its half; sometimes it is slow enough for that. */
static bool read_unchecked(const struct table *table, uint32_t hash, struct table_pick *pick)
{
	const uint64_t version = atomic_load(&table->header->published);

	if (hash >> 24 == 0)
		sched_yield();
	return table_pick_unchecked(table, version, hash, pick);
}

/* Broken: what it would be with one table only, rebuilt in place. */
static bool read_in_place(const struct table *table, uint32_t hash, struct table_pick *pick)
{
	return table_pick_unchecked(table, atomic_load(&table->header->building), hash, pick);
}

/* Returns whether the outcome was as expected. */
static bool stress(const char *name, reader_fn *read, uint32_t m, double seconds, bool must_be_right)
{
	const struct table_config config = {.m = m, .n = TARGETS, .mask = 1};
	void *memory = aligned_alloc(64, table_size(&config));
	const uint64_t end = clock_ns() + (uint64_t)(seconds * 1e9);
	static struct stress s;
	struct target targets[TARGETS];
	struct table_publication done;
	pthread_t threads[READERS + 1];

	memset(memory, 0, table_size(&config));
	s = (struct stress){.read = read};
	table_format(memory, &config);
	table_view(&s.table, memory, table_size(&config));
	build_expected(&s);
	targets_of(1, targets);
	table_publish(&s.table, targets, &done);
	for (int i = 0; i <= READERS; i++)
		pthread_create(&threads[i], NULL, i ? read_tables : write_tables, &s);
	while (clock_ns() < end)
		sched_yield();
	atomic_store(&s.stop, true);
	for (int i = 0; i <= READERS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < SETS; i++)
		free(s.expected[i]);
	free(memory);
	printf("table_stress: %s, M=%u: %lu reads during %lu publications, %lu wrong\n", name, m,
	       (unsigned long)s.reads, (unsigned long)s.publications, (unsigned long)s.wrong);
	return s.publications > 100 && s.reads > 1000 && (s.wrong == 0) == must_be_right;
}

int main(int argc, char **argv)
{
	const double seconds = argc > 1 ? atof(argv[1]) : 2;
	bool good = true;

	/* Small tables are published more often than a reader is rescheduled; large ones are long half-built.
	 */
	good &= stress("the real reader", table_pick, 13, seconds / 2, true);
	good &= stress("the real reader", table_pick, 997, seconds / 2, true);
	good &= stress("a reader without the check", read_unchecked, 13, 1, false);
	good &= stress("a reader of a table in place", read_in_place, 997, 1, false);
	return !good;
}
