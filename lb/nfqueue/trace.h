// SPDX-License-Identifier: Apache-2.0
/* Packets of chosen flows, told to one who asks while the balancer runs. Costs one load a packet while nobody does. */
#ifndef NFQUEUE_TRACE_H
#define NFQUEUE_TRACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct flow_service;
struct queued_packet;
struct verdict;
struct worker;

#define TRACE_SUFFIX ".trace" /* of the socket, and of the name under which trace flows lie beside the table's own */

struct tracer {
	_Atomic int client; /* -1: nobody asks */
	int listener;
	const char *shm;
	char flows_name[256];
	struct flow_service *flows; /* as long as somebody asks */
	struct worker *workers;
	uint32_t workers_n;
	_Atomic uint64_t missed; /* lines that the client was too slow for */
};

void tracer_open(struct tracer *tracer, const char *shm, struct worker *workers, uint32_t n);
/* The listener is readable: somebody comes; one at a time. */
void tracer_accept(struct tracer *tracer);
/* The client is readable: it goes. */
void tracer_detach(struct tracer *tracer);

static inline bool tracer_is_on(const struct tracer *tracer)
{
	return tracer && atomic_load_explicit(&tracer->client, memory_order_acquire) >= 0;
}

/* Between worker_enter and worker_leave. */
void tracer_tell(struct tracer *tracer, const struct worker *worker, const struct queued_packet *packet,
		 const struct verdict *verdict);

#endif
