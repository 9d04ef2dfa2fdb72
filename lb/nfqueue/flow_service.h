// SPDX-License-Identifier: Apache-2.0
/* The balancer's side of flows: a thread that puts each published version in force under running workers. */
#ifndef NFQUEUE_FLOW_SERVICE_H
#define NFQUEUE_FLOW_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/flow.h"
#include "table/table.h"

struct flow_service;
struct worker;

/* Loads what is published. Exits with a clear sentence when it can't. */
struct flow_service *flow_service_open(const char *name, bool promiscuous_ping);

/* Begins to follow changes; the workers are those that ask. Returns 0 or an error number. */
int flow_service_start(struct flow_service *service, struct worker *workers, uint32_t n);
void flow_service_stop(struct flow_service *service);

/*
 * Finds the flow that takes the packet: its table (NULL: it is gone) and its counter, which is that of the first worker:
 * others have theirs FLOWSET_MAX behind, by row. False: no flow does.
 * Only between worker_enter and worker_leave; what was found stays valid beyond.
 */
bool flow_service_find(const struct flow_service *service, const struct flow_key *key,
		       const struct flow_bytes *transport, const struct table **table, uint64_t **counter);

/* Counts the packet, and returns the name of its flow; NULL: no flow takes it. The name stays until worker_leave. */
const char *flow_service_count(const struct flow_service *service, const struct flow_key *key,
			       const struct flow_bytes *transport);

/* Until every worker has left the batch that it is at. */
void flow_service_settle(const struct flow_service *service);

#endif
