// SPDX-License-Identifier: Apache-2.0
#include "table/table.h"

#include <stdio.h>
#include <stdlib.h>

#include "util/clock.h"
#include "table/maglev.h"
#include "table/prime.h"

/* Changes with the layout: "nfqlb", 0, then the layout's number. */
#define TABLE_MAGIC 0x6e66716c62000003ull
#define NOTICE 5 /* as of syslog */

#define LOAD(from) __atomic_load_n(from, __ATOMIC_RELAXED)
#define STORE(to, value) __atomic_store_n(to, value, __ATOMIC_RELAXED)

static size_t align64(size_t size)
{
	return (size + 63) & ~(size_t)63;
}

static uint32_t slots_max(const struct table_config *config)
{
	return config->mode == TABLE_MAGLEV ? config->m : config->n;
}

static size_t targets_size(const struct table_config *config)
{
	return align64(sizeof(struct table_half) + config->n * sizeof(struct target));
}

static size_t half_size(const struct table_config *config)
{
	return targets_size(config) + align64(slots_max(config) * sizeof(uint16_t));
}

size_t table_size(const struct table_config *config)
{
	return align64(sizeof(struct table_header)) + 2 * half_size(config);
}

const char *table_config_error(const struct table_config *config)
{
	static char text[160];
	const uint32_t m = config->m, n = config->n;

	if (config->mode > TABLE_MODULO || config->ports > 1 || config->sctp_flow > 1)
		return "the mode is unknown";
	if (n < 1 || n > MAGLEV_N_MAX)
		snprintf(text, sizeof(text), "N must be within 1..%u, not %u", MAGLEV_N_MAX, n);
	else if (m < MAGLEV_M_MIN || m > MAGLEV_M_MAX)
		snprintf(text, sizeof(text), "M must be a prime within %u..%u, not %u", MAGLEV_M_MIN,
			 MAGLEV_M_MAX, m);
	else if (!is_prime(m))
		snprintf(text, sizeof(text),
			 "M must be a prime, and %u is not; the nearest primes are %u and %u", m,
			 prime_below(m), prime_above(m));
	else if (config->mode == TABLE_MAGLEV && n > m)
		snprintf(text, sizeof(text), "a Maglev table of %u slots can't hold N = %u targets", m, n);
	else if (config->mask == 0)
		return "the mask has no bits, so no mark could be set";
	else
		return NULL;
	return text;
}

void table_format(void *memory, const struct table_config *config)
{
	struct table_header *header = memory;

	header->magic = TABLE_MAGIC;
	header->config = *config;
	header->log_level = NOTICE;
}

bool table_view(struct table *table, void *memory, size_t size)
{
	struct table_header *header = memory;
	uint8_t *at = memory;

	if (size < sizeof(*header) || header->magic != TABLE_MAGIC || table_config_error(&header->config) ||
	    size < table_size(&header->config))
		return false;
	*table = (struct table){.header = header, .config = header->config, .fd = -1};
	at += align64(sizeof(*header));
	for (int i = 0; i < 2; i++, at += half_size(&table->config)) {
		table->halves[i] = (struct table_half *)at;
		table->slots[i] = (uint16_t *)(at + targets_size(&table->config));
	}
	table->rest = (uint64_t *)at;
	table->rest_size = size - table_size(&table->config);
	return true;
}

/* What a build needs besides the table itself, taken before anything is written. */
struct scratch {
	uint64_t *taken;
	struct maglev_walk walks[MAGLEV_N_MAX]; /* and their weights */
	uint16_t active[MAGLEV_N_MAX];
	uint32_t n;
};

static void fill_half(const struct table *table, uint64_t version, const struct target *targets,
		      struct scratch *s)
{
	const struct table_config *config = &table->config;
	struct table_half *half = table->halves[version & 1];
	uint16_t *slots = table->slots[version & 1];

	half->version = version;
	half->active = s->n;
	/* A reader of the version before the last may be at it still, which it will notice: no value is ever
	 * half a one. */
	STORE(&half->slots, s->n && config->mode == TABLE_MAGLEV ? config->m : s->n);
	for (uint32_t i = 0; i < config->n; i++) {
		STORE(&half->targets[i].fwmark, targets[i].fwmark);
		half->targets[i].weight = targets[i].weight;
	}
	for (uint32_t i = 0; config->mode == TABLE_MODULO && i < s->n; i++)
		STORE(&slots[i], s->active[i]);
	if (s->n && config->mode == TABLE_MAGLEV)
		maglev_fill(slots, config->m, s->active, s->walks, s->n, s->taken);
}

bool table_publish(const struct table *table, const struct target *targets, struct table_publication *result)
{
	const struct table_config *config = &table->config;
	struct table_header *header = table->header;
	const uint64_t began = clock_ns();
	const uint64_t version = atomic_load(&header->published) + 1;
	struct scratch s = {.taken = malloc(maglev_taken_words(config->m) * sizeof(uint64_t))};

	if (!s.taken)
		return false;
	for (uint32_t i = 0; i < config->n; i++) {
		if (!targets[i].weight)
			continue;
		s.walks[s.n] = maglev_walk(i, config->m, config->seed);
		s.walks[s.n].weight = targets[i].weight;
		s.active[s.n++] = i;
	}
	/* Readers that see any of the writes below also see this one. */
	atomic_store_explicit(&header->building, version, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	fill_half(table, version, targets, &s);
	*result = (struct table_publication){.version = version, .active = s.n, .published_ns = clock_ns()};
	result->build_us = (result->published_ns - began) / 1000;
	table->halves[version & 1]->published_ns = result->published_ns;
	atomic_store_explicit(&header->published, version, memory_order_release);
	free(s.taken);
	return true;
}

bool table_pick_unchecked(const struct table *table, uint64_t version, uint32_t hash, struct table_pick *pick)
{
	const struct table_half *half = table->halves[version & 1];
	const uint32_t slots = LOAD(&half->slots);

	pick->version = version;
	if (slots == 0)
		return false;
	/* Even when torn, each value is one that a writer put there, so all of them are within bounds. */
	pick->slot = hash % slots;
	pick->index = LOAD(&table->slots[version & 1][pick->slot]);
	pick->fwmark = LOAD(&half->targets[pick->index].fwmark);
	return true;
}

bool table_pick(const struct table *table, uint32_t hash, struct table_pick *pick)
{
	struct table_header *header = table->header;
	uint64_t version;
	bool found;

	do {
		version = atomic_load_explicit(&header->published, memory_order_acquire);
		found = table_pick_unchecked(table, version, hash, pick);
		atomic_thread_fence(memory_order_acquire);
	} while (atomic_load_explicit(&header->building, memory_order_relaxed) >= version + 2);
	return found;
}
