// SPDX-License-Identifier: Apache-2.0
/* What the thread of the fragments' queue does with each of them. It alone touches the fragment table. */
#ifndef NFQUEUE_FRAGMENT_WORKER_H
#define NFQUEUE_FRAGMENT_WORKER_H

#include "pick.h"
#include "table/table.h"

struct fragment_options {
	const char *tun;
	struct fragment_limits limits;
	bool reassembler;	     /* forgets a datagram once all of its fragments have passed */
	const struct table *routers; /* NULL: every fragment that comes here is ours */
	uint32_t own;		     /* our mark in it */
};

struct fragment_worker;

/* Exits with a clear sentence when it can't. */
struct fragment_worker *fragment_worker_open(const struct fragment_options *options);
void fragment_worker_close(struct fragment_worker *fragments);

/* Before each batch, and now and then without one. */
void fragment_worker_tick(struct worker *worker);

/* After each batch: the counters. */
void fragment_worker_publish(struct worker *worker);

struct verdict fragment_worker_answer(struct worker *worker, const struct queued_packet *packet);

#endif
