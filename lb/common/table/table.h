// SPDX-License-Identifier: Apache-2.0
/*
 * The shared table: which targets are active, their marks, and which slot belongs to whom.
 *
 * It exists twice. A writer prepares version v+1 in the half that version v does not use, then publishes it.
 * A reader takes the published half, reads, and makes sure afterwards that nobody had begun to write into
 * that half again (version v+2) meanwhile. So readers take no lock, wait for nobody, and never see a mix of
 * two versions; a writer that dies midway leaves the published half as it was.
 *
 * Pure memory: files and locks are in store.h. Writers must exclude each other.
 */
#ifndef LB_TABLE_H
#define LB_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum table_mode { TABLE_MAGLEV, TABLE_MODULO };

struct table_config {
	uint32_t m;	/* slots of a Maglev table */
	uint32_t n;	/* targets at most */
	uint32_t seed;	/* of the flow hash and the permutations */
	uint32_t mask;	/* the bits of the packet mark that are ours */
	uint32_t mode;	/* enum table_mode */
	uint32_t ports; /* hash ports and protocol too */
	uint32_t sctp_flow; /* of SCTP addresses too; else only its ports, which all paths of an association share */
};

#define WEIGHT_MAX 65535 /* of a target */

struct target {
	uint32_t fwmark; /* 0: this index was never used */
	/* Turns that it takes, in proportion; 0: it is inactive, and keeps its mark, so that it finds its index again. */
	uint32_t weight;
};

/* One of the two halves. The slots follow the targets. */
struct table_half {
	uint64_t version;
	uint64_t published_ns; /* CLOCK_MONOTONIC */
	uint32_t active;
	uint32_t slots; /* in use: m, or the active targets for modulo; 0 when none is active */
	struct target targets[];
};

struct table_header {
	uint64_t magic;
	struct table_config config;
	/* The queues of the last run, for `stats`. */
	uint32_t first_queue, queues;
	_Atomic uint32_t log_level; /* of a program that runs, as of syslog */
	_Alignas(64) _Atomic uint64_t published; /* half [version & 1] is valid */
	_Atomic uint64_t building;		 /* half [version & 1] may be half-built */
};

/* A process's view of the table. */
struct table {
	struct table_header *header;
	struct table_half *halves[2];
	uint16_t *slots[2]; /* slot -> target index */
	struct table_config config;
	uint64_t *rest; /* memory behind the table, in cache lines of its own; the balancer's */
	size_t rest_size;
	int fd; /* of the file that it is mapped from; -1: none */
};

struct table_pick {
	uint64_t version;
	uint32_t slot;
	uint32_t index;
	uint32_t fwmark;
};

struct table_publication {
	uint64_t version;
	uint64_t published_ns;
	uint64_t build_us;
	uint32_t active;
};

/* Why the configuration can't be, or NULL. The text lasts until the next call. */
const char *table_config_error(const struct table_config *config);

size_t table_size(const struct table_config *config);

/* Formats zeroed memory of table_size() bytes as an empty table of version 0. */
void table_format(void *memory, const struct table_config *config);

/* False: the memory does not hold a table. It may be longer than that. */
bool table_view(struct table *table, void *memory, size_t size);

/* Publishes a new version with these n targets. False: out of memory, nothing changed. */
bool table_publish(const struct table *table, const struct target *targets, struct table_publication *result);

/* False: no target is active. */
bool table_pick(const struct table *table, uint32_t hash, struct table_pick *pick);

/* What table_pick does in one half, without the check that makes it safe; for it and for its test. */
bool table_pick_unchecked(const struct table *table, uint64_t version, uint32_t hash,
			  struct table_pick *pick);

/* The published half; stable only while writers are locked out. */
static inline const struct table_half *table_current(const struct table *table)
{
	return table->halves[atomic_load(&table->header->published) & 1];
}

#endif
