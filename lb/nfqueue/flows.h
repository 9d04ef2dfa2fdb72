// SPDX-License-Identifier: Apache-2.0
/*
 * The flows of a balancer in /dev/shm, beside its table: which target set takes which packets.
 *
 * NAME.flows has the counters and two numbers: the version that was published, and the one that the balancer
 * has in force. NAME.flows.rules is all rules of one version; a change writes a new file and renames it, so
 * nobody ever sees a mix. The balancer sleeps on the first number.
 */
#ifndef NFQUEUE_FLOWS_H
#define NFQUEUE_FLOWS_H

#include <stdatomic.h>

#include "counters.h"
#include "flowset/flowset.h"
#include "table/table.h"

#define FLOW_NAME_MAX 31
#define TABLE_NAME_MAX 63
#define FLOW_TEXT_MAX 511

struct stored_flow {
	struct flow_rule rule; /* first: flowset_new steps over the rest */
	uint32_t slot;	       /* of its counter; stays while the flow exists */
	uint32_t user_ref;     /* what the user calls it; nobody else asks */
	char name[FLOW_NAME_MAX + 1];
	char targets[TABLE_NAME_MAX + 1]; /* name of the table that it picks from */
	char text[FLOW_TEXT_MAX + 1];	  /* the words that made it */
};

/* One version, in memory. */
struct flow_list {
	uint32_t n;
	struct stored_flow *flows;
};

struct flows_shared {
	uint64_t magic;
	_Atomic uint32_t published, in_force; /* versions; futexes */
	_Atomic uint32_t rows;		      /* of counters that have memory */
	/* By worker, so that no two write to one cache line, and slot. */
	_Alignas(64) _Atomic uint64_t packets[WORKERS_MAX][FLOWSET_MAX];
};

/* Maps NAME.flows; makes it when there is none. Exits with a clear sentence when it can't. */
struct flows_shared *flows_open(const char *name);

/* The rules that are published, with their version. False: they can't be read, and errno says why. */
bool flows_load(const char *name, const struct flows_shared *shared, struct flow_list *list,
		uint32_t *version);

/*
 * Publishes these rules; the caller holds the writers' lock. Waits until the balancer has them in force, if
 * `runs` says that there is one. Returns whether it has. Exits with a clear sentence when it can't.
 */
bool flows_publish(const char *name, struct flows_shared *shared, const struct flow_list *list, bool runs,
		   uint32_t *version);

/* Sleeps until the published version is another one than this. */
void flows_wait(struct flows_shared *shared, uint32_t version);
void flows_wake(struct flows_shared *shared);
void flows_set_in_force(struct flows_shared *shared, uint32_t version);

/* Gives so many workers a row of counters each. Returns 0 or an error number. */
int flows_reserve(const char *name, struct flows_shared *shared, uint32_t rows);

/* What all workers together have counted for the flow of this slot. */
uint64_t flows_packets(const struct flows_shared *shared, uint32_t slot);
void flows_forget_packets(struct flows_shared *shared, uint32_t slot);

/* Removes both files, if they are there. */
void flows_delete(const char *name);

#endif
