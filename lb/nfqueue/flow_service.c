// SPDX-License-Identifier: Apache-2.0
#include "flow_service.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "flows.h"
#include "cli/options.h"
#include "log.h"
#include "store.h"
#include "worker.h"

enum { PROTO_ICMP = 1, PROTO_ICMPV6 = 58 };

/* Tables stay mapped until the end: fragments remember where their datagram went. */
struct mapped {
	struct mapped *next;
	char name[TABLE_NAME_MAX + 1];
	struct table table;
};

/* What workers read; never changed once they can see it. */
struct version {
	struct flowset *set, *pings; /* pings: by addresses alone; NULL: pings are like the rest */
	uint32_t n;
	struct {
		const struct table *table; /* NULL: it is gone */
		uint64_t *counter;
		char name[FLOW_NAME_MAX + 1];
	} flows[];
};

struct flow_service {
	const char *name;
	struct flows_shared *shared;
	_Atomic(struct version *) current;
	uint32_t number; /* of the current version */
	bool promiscuous_ping;
	struct mapped *tables;
	struct worker *workers;
	uint32_t workers_n;
	pthread_t thread;
	atomic_bool stop;
};

/* The file may have been replaced by another of that name, so look whether it is still the same. */
static const struct table *find_table(struct flow_service *service, const char *name)
{
	struct mapped *m;
	struct table table;

	for (m = service->tables; m; m = m->next)
		if (strcmp(m->name, name) == 0 && store_is_current(name, &m->table))
			return &m->table;
	m = calloc(1, sizeof(*m));
	if (!m || !store_try_open(name, &table)) {
		log_say(LOG_WARNING, "The table '%s' of a flow can't be opened: its packets have no target", name);
		free(m);
		return NULL;
	}
	snprintf(m->name, sizeof(m->name), "%s", name);
	m->table = table;
	m->next = service->tables;
	service->tables = m;
	return &m->table;
}

/* The same flows, as far as addresses go. */
static struct flowset *ping_set(const struct flow_list *list)
{
	struct flow_rule *rules = calloc(list->n + 1, sizeof(*rules));
	struct flowset *set;

	if (!rules)
		return NULL;
	for (uint32_t i = 0; i < list->n; i++) {
		rules[i] = list->flows[i].rule;
		rules[i].protocols_n = rules[i].source_ports_n = rules[i].destination_ports_n = rules[i].matches_n = 0;
	}
	set = flowset_new(rules, list->n, sizeof(*rules));
	free(rules);
	return set;
}

static void free_version(struct version *version)
{
	if (version) {
		flowset_free(version->set);
		flowset_free(version->pings);
	}
	free(version);
}

static struct version *make_version(struct flow_service *service, const struct flow_list *list)
{
	struct version *version = calloc(1, sizeof(*version) + list->n * sizeof(version->flows[0]));

	if (!version)
		return NULL;
	version->n = list->n;
	version->set = flowset_new(list->flows, list->n, sizeof(*list->flows));
	version->pings = service->promiscuous_ping ? ping_set(list) : NULL;
	if (!version->set || (service->promiscuous_ping && !version->pings)) {
		free_version(version);
		return NULL;
	}
	for (uint32_t i = 0; i < list->n; i++) {
		version->flows[i].table = find_table(service, list->flows[i].targets);
		version->flows[i].counter =
			(uint64_t *)&service->shared->packets[0][list->flows[i].slot % FLOWSET_MAX];
		memcpy(version->flows[i].name, list->flows[i].name, sizeof(version->flows[i].name));
	}
	return version;
}

/* Until every worker that may have seen the old version has left it. */
static void wait_for_workers(const struct flow_service *service)
{
	const struct timespec step = {.tv_nsec = 50000};

	atomic_thread_fence(memory_order_seq_cst);
	for (uint32_t i = 0; i < service->workers_n; i++) {
		const uint64_t entered = atomic_load(&service->workers[i].entered);

		while (entered & 1 && atomic_load(&service->workers[i].entered) == entered &&
		       !atomic_load(&service->stop))
			nanosleep(&step, NULL);
	}
}

/* False: what is published can't be had; the version in force stays. */
static bool load(struct flow_service *service)
{
	struct version *version, *old;
	struct flow_list list;
	uint32_t number;

	if (!flows_load(service->name, service->shared, &list, &number))
		return false;
	version = make_version(service, &list);
	free(list.flows);
	if (!version)
		return false;
	old = atomic_exchange(&service->current, version);
	wait_for_workers(service);
	free_version(old);
	service->number = number;
	flows_set_in_force(service->shared, number);
	log_say(LOG_INFO, "Version %u of the flows of '%s' is in force: %u flows", number, service->name, version->n);
	return true;
}

struct flow_service *flow_service_open(const char *name, bool promiscuous_ping)
{
	struct flow_service *service = calloc(1, sizeof(*service));

	if (!service)
		fail(EXIT_ERROR, "Out of memory.");
	service->name = name;
	service->promiscuous_ping = promiscuous_ping;
	service->shared = flows_open(name);
	if (!load(service))
		fail(EXIT_ERROR, "Cannot load the flows of '%s': %s.", name, strerror(errno));
	return service;
}

static void *follow(void *argument)
{
	struct flow_service *service = argument;
	uint32_t seen = service->number;

	while (!atomic_load(&service->stop)) {
		const uint32_t published = atomic_load(&service->shared->published);

		if (published == seen) {
			flows_wait(service->shared, seen);
			continue;
		}
		seen = published;
		if (!load(service))
			log_say(LOG_WARNING, "The new flows can't be loaded: the old ones stay");
	}
	return NULL;
}

int flow_service_start(struct flow_service *service, struct worker *workers, uint32_t n)
{
	const int error = flows_reserve(service->name, service->shared, n);

	if (error)
		return error;
	service->workers = workers;
	service->workers_n = n;
	return pthread_create(&service->thread, NULL, follow, service);
}

/* The word that the thread sleeps on is not ours to change, so wake it until it has gone. */
void flow_service_stop(struct flow_service *service)
{
	struct timespec until;

	atomic_store(&service->stop, true);
	do {
		flows_wake(service->shared);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 10000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
	} while (pthread_timedjoin_np(service->thread, NULL, &until) == ETIMEDOUT);
	free_version(atomic_load(&service->current));
	for (struct mapped *m = service->tables, *next; m; m = next) {
		next = m->next;
		store_close(&m->table);
		free(m);
	}
	free(service);
}

/* An echo request, or an error about one: no other ICMP has a key of that protocol. */
static bool is_ping(const struct flow_key *key)
{
	return key->protocol == PROTO_ICMP || key->protocol == PROTO_ICMPV6;
}

bool flow_service_find(const struct flow_service *service, const struct flow_key *key,
		       const struct flow_bytes *transport, const struct table **table, uint64_t **counter)
{
	const struct version *version = atomic_load(&service->current);
	const struct flowset *set = version->pings && is_ping(key) ? version->pings : version->set;
	const uint32_t found = flowset_match(set, key, transport);

	if (found == FLOWSET_NONE)
		return false;
	*table = version->flows[found].table;
	*counter = version->flows[found].counter;
	return true;
}

const char *flow_service_count(const struct flow_service *service, const struct flow_key *key,
			       const struct flow_bytes *transport)
{
	const struct version *version = atomic_load(&service->current);
	const uint32_t found = flowset_match(version->set, key, transport);

	if (found == FLOWSET_NONE)
		return NULL;
	__atomic_fetch_add(version->flows[found].counter, 1, __ATOMIC_RELAXED);
	return version->flows[found].name;
}

void flow_service_settle(const struct flow_service *service)
{
	wait_for_workers(service);
}
