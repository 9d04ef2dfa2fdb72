// SPDX-License-Identifier: Apache-2.0
/* One change of the flows of a table, or of its trace flows. Each function fails with a sentence. */
#ifndef NFQUEUE_FLOW_CHANGE_H
#define NFQUEUE_FLOW_CHANGE_H

#include "cli/options.h"
#include "flows.h"

/* The wanted flows, from the published ones; others are locked out until the process ends. */
struct change {
	const char *shm;
	char flows[256]; /* under this name they lie in /dev/shm */
	bool trace;	 /* those of `trace` */
	struct table table;
	struct flows_shared *shared;
	struct flow_list list;
	uint32_t room;		 /* in the list */
	bool taken[FLOWSET_MAX]; /* slots */
};

/* `change->shm` is set; the command's name says which flows. */
void flow_change_begin(struct change *change, const struct command *command);
struct stored_flow *flow_change_find(const struct change *change, const char *name);

/* A place at the end, with a counter of its own. */
struct stored_flow *flow_change_add(struct change *change);

/* Prints the version; returns an exit code. */
int flow_change_publish(const struct change *change);

#endif
