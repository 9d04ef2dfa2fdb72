// SPDX-License-Identifier: Apache-2.0
/* New flows under running readers: each finds a flow at any time, of a version that was published, and none
 * after it was freed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/check.h"
#include "flow_service.h"
#include "flows.h"
#include "store.h"
#include "worker.h"

#define READERS 3
#define VERSIONS 300

static char name[64];
static struct flow_service *service;
static struct worker workers[READERS];
static atomic_bool done;
static _Atomic uint64_t reads, lost;

static void *read_flows(void *argument)
{
	struct worker *worker = argument;
	struct flow_key key = {.protocol = 6};
	const struct flow_bytes none = {0};

	while (!atomic_load(&done)) {
		worker_enter(worker);
		for (int i = 0; i < 64; i++) { /* a batch */
			const struct table *table = NULL;
			uint64_t *counter = NULL;

			key.destination_port[1] = i;
			if (flow_service_find(service, &key, &none, &table, &counter) && table && counter)
				atomic_fetch_add(&reads, 1);
			else
				atomic_fetch_add(&lost, 1);
		}
		worker_leave(worker);
	}
	return NULL;
}

/* One flow that takes all, and a growing number of others before it. */
static void publish(struct flows_shared *shared, uint32_t n, uint32_t *version)
{
	struct flow_list list = {.n = n + 1, .flows = calloc(n + 1, sizeof(*list.flows))};

	for (uint32_t i = 0; i <= n; i++) {
		struct stored_flow *flow = &list.flows[i];

		flow->slot = i;
		snprintf(flow->name, sizeof(flow->name), "f%u", i);
		snprintf(flow->targets, sizeof(flow->targets), "%s", name);
		if (i == n)
			continue;
		flow->rule.priority = 1;
		flow->rule.destination_ports_n = 1;
		flow->rule.destination_ports[0] = (struct port_range){i, i + 1};
	}
	CHECK(flows_publish(name, shared, &list, true, version), "version %u is not in force", *version);
	free(list.flows);
}

/* The counter of the flow that takes an ICMP echo request, or another packet that only the last flow takes. */
static const uint64_t *taken(uint8_t protocol)
{
	const struct flow_key key = {.protocol = protocol, .destination_port = {0xff, 0xff}};
	const struct flow_bytes none = {0};
	const struct table *table = NULL;
	uint64_t *counter = NULL;

	CHECK(flow_service_find(service, &key, &none, &table, &counter));
	return counter;
}

static void test_promiscuous_ping(void)
{
	for (int promiscuous = 0; promiscuous < 2; promiscuous++) {
		service = flow_service_open(name, promiscuous);
		CHECK(flow_service_start(service, workers, READERS) == 0, "no thread");
		CHECK((taken(1) != taken(6)) == promiscuous && taken(1) == taken(58));
		flow_service_stop(service);
	}
}

int main(void)
{
	const struct table_config config = {.m = 7, .n = 2, .mask = 1, .ports = 1};
	const struct worker_options options = {0};
	struct flows_shared *shared;
	pthread_t threads[READERS];
	uint32_t version = 0;

	snprintf(name, sizeof(name), "nfqueue-lb-test-flows-%d", (int)getpid());
	store_create(name, &config, false);
	shared = flows_open(name);
	service = flow_service_open(name, false);
	for (int i = 0; i < READERS; i++)
		workers[i].options = &options;
	CHECK(flow_service_start(service, workers, READERS) == 0, "no thread");
	publish(shared, 0, &version);
	for (int i = 0; i < READERS; i++)
		pthread_create(&threads[i], NULL, read_flows, &workers[i]);
	for (uint32_t i = 0; i < VERSIONS; i++)
		publish(shared, i % 50, &version);
	atomic_store(&done, true);
	for (int i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	CHECK(version == VERSIONS + 1, "version %u", version);
	CHECK(atomic_load(&lost) == 0, "%lu of %lu reads found no flow", (unsigned long)lost,
	      (unsigned long)reads);
	CHECK(atomic_load(&reads) > VERSIONS, "only %lu reads", (unsigned long)reads);
	flow_service_stop(service);
	test_promiscuous_ping();
	store_delete(name);
	flows_delete(name);
	return check_report("flow_service");
}
