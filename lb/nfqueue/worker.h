// SPDX-License-Identifier: Apache-2.0
/* What the thread of a queue works with. */
#ifndef NFQUEUE_WORKER_H
#define NFQUEUE_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "queue/queue.h"
#include "queue/settle.h"
#include "table/table.h"

struct worker_options {
	struct queue_options queue;
	uint32_t batch;			  /* packets per read and per answer */
	uint32_t no_target_fwmark;	  /* for packets when no target is active; 0: drop them */
	bool random;			  /* broken on purpose: pick at random */
	bool remember;			  /* make conntrack entries for TCP packets, which have none */
	const struct flow_service *flows; /* NULL: all packets go by the one table */
	uint32_t no_flow_fwmark;	  /* for packets that no flow takes; 0: drop them */
	bool fragments;			  /* they have a queue of their own */
	uint16_t fragment_queue;
	uint32_t sctp_encap;   /* UDP port that carries SCTP; 0: none */
	bool promiscuous_ping; /* an echo request goes by a flow's addresses alone */
	struct tracer *tracer; /* NULL: nobody can ask for packets */
};

/* In cache lines of its own: threads write to theirs for each batch. */
struct worker {
	_Alignas(64) const struct worker_options *options;
	const struct table *table;
	uint64_t *counters;
	uint32_t row; /* of the flows' counters */
	pthread_t thread;
	int fd;
	uint16_t queue;
	uint32_t copy;			   /* bytes of each packet, unless more are needed */
	bool whole_refused;		   /* the kernel gives no more than that */
	int cpu;			   /* where the thread stays; NO_CPU: anywhere */
	struct fragment_worker *fragments; /* this is the thread of their queue; else NULL */
	uint64_t random;
	_Atomic uint64_t entered; /* odd: at work on a batch */
	atomic_bool *stop;
	int error; /* why the thread ended by itself, else 0 */
};

/* Whether keys need ports and protocol. */
static inline bool worker_needs_ports(const struct worker *worker)
{
	return worker->options->flows || worker->table->config.ports;
}

/* Around the use of what may be replaced meanwhile: see flow_service.c. */
static inline void worker_enter(struct worker *worker)
{
	atomic_fetch_add(&worker->entered, 1);
}

static inline void worker_leave(struct worker *worker)
{
	atomic_fetch_add(&worker->entered, 1);
}

#endif
