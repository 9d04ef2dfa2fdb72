// SPDX-License-Identifier: Apache-2.0
/* What the parts of loaded-lb share. */
#ifndef LOADED_BALANCER_H
#define LOADED_BALANCER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "clients.h"
#include "queue/queue.h"
#include "targets.h"

#define WORKERS_MAX 64
#define DEFAULT_NAME "loaded-lb"

enum counter {
	COUNT_FORWARDED, /* to targets; with the next ones they add up to the packets */
	COUNT_RETURNED,	 /* from targets */
	COUNT_PASSED,	 /* none of ours */
	COUNT_EXEMPT,
	COUNT_MALFORMED,
	COUNT_FRAGMENTS_REFUSED,
	COUNT_NO_TARGET,
	COUNT_NO_ROOM,
	COUNT_NO_CLIENT, /* ICMP errors about a client that nobody knows */
	COUNT_KINDS,
	COUNT_ERRORS = COUNT_KINDS, /* ICMP errors among those forwarded and returned */
	COUNT_NEW_CLIENTS,
	COUNT_MOVED_CLIENTS,
	COUNT_BYTES,
	COUNT_RECV_CALLS,
	COUNT_VERDICT_CALLS,
	COUNT_VERDICT_ERRORS,
	COUNT_ENOBUFS,
	COUNTERS,
};

struct settings {
	const char *name;
	struct {
		uint8_t address[16];
		bool given;
	} vip[2];		    /* by family: IPv6, IPv4 */
	uint8_t exempt[65536 / 8];  /* a bit for each port */
	bool fragments;		    /* are kept together; else refused */
	uint32_t batch;
	uint32_t limit, idle_s;	    /* of the table of clients */
	enum target_scheduler scheduler;
	struct queue_options queue;
	uint16_t first;
	uint32_t queues;
	/* What the thread that finds targets does; no device: it only looks after those that are known. */
	const char *device;
	uint32_t port_alive; /* 0: targets are not checked */
	uint32_t cycle_ms, alive_ms, fall;
	bool hotplug; /* targets that nobody configured are taken in */
};

struct balancer;

struct worker {
	_Alignas(64) uint64_t counters[COUNTERS];
	struct balancer *balancer;
	pthread_t thread;
	int fd;
	uint16_t queue;
	int error; /* why the thread ended by itself, else 0 */
};

struct balancer {
	struct settings settings;
	struct targets targets;
	struct clients *clients;
	struct worker workers[WORKERS_MAX];
	FILE *queue_list; /* the kernel's, opened before the root directory changes */
	bool jailed;
	_Atomic bool cut_off;	     /* none of its targets answers: all of them stay in use */
	_Atomic uint64_t changed_ns; /* when the active set last changed */
	_Atomic uint64_t expired;    /* clients that were silent for too long */
	_Atomic uint64_t forgotten;  /* clients whose target has left */
	_Atomic uint64_t probes;     /* packets of checks, to one target each */
	atomic_bool stop;
};

/* From one state to another, for those who look at the time; clients of one that has gone are forgotten. */
void balancer_set_state(struct balancer *balancer, uint32_t target, enum target_state state);

#endif
