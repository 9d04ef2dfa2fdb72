// SPDX-License-Identifier: Apache-2.0
/* `nfqueue-lb run`: what it is told, and what it works with. */
#ifndef NFQUEUE_RUN_H
#define NFQUEUE_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "commands.h"
#include "counters.h"
#include "flow_service.h"
#include "fragment_worker.h"
#include "trace.h"
#include "worker.h"

struct run {
	const char *shm;
	struct worker_options options;
	struct table table, routers;
	const char *routers_shm; /* NULL: this balancer is alone */
	struct fragment_options fragments;
	uint32_t ttl_ms;
	bool flows, per_cpu, take_over;
	int files[WORKERS_MAX]; /* queues of the one that ran before */
	struct flow_service *flow_service;
	struct tracer tracer;
	uint16_t first;
	uint32_t workers_n;
	struct worker workers[WORKERS_MAX];
	atomic_bool stop;
};

/* Fails with a sentence. */
void run_parse(struct run *run, const struct command *command, int argc, char **argv);

#endif
