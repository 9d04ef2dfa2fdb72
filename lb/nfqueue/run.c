// SPDX-License-Identifier: Apache-2.0
/* `nfqueue-lb run`: the balancer itself. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "control/handover.h"
#include "json/json.h"
#include "util/clock.h"
#include "util/signals.h"
#include "queue/privileges.h"
#include "queue/serve.h"
#include "log.h"
#include "queue_thread.h"
#include "remember.h"
#include "run.h"
#include "store.h"

/* The thread behind the last queue; it sees packets whole, and also wakes up to forget what is too old. */
static void open_fragments(struct run *run)
{
	struct worker *worker = &run->workers[run->workers_n - 1];

	if (run->routers_shm) {
		store_open(run->routers_shm, false, &run->routers);
		run->fragments.routers = &run->routers;
	}
	worker->fragments = fragment_worker_open(&run->fragments);
	queue_set_timeout(worker->fd, 100);
}

/* What two balancers on one table must have in common. */
static struct handover_terms terms_of(const struct run *run)
{
	return (struct handover_terms){{run->first, run->workers_n, run->options.fragments, run->options.queue.fail_open}};
}

static void take_over(struct run *run)
{
	const struct handover_terms terms = terms_of(run);
	int before;

	handover_take("nfqueue-lb run", run->shm, &terms, run->files, &before);
	handover_done(before);
}

/* Queues first, table second: a balancer that can't have its queues leaves no trace in the table. */
static void open_all(struct run *run)
{
	struct table *table = &run->table;

	store_open(run->shm, true, table);
	if (run->take_over)
		take_over(run);
	store_claim(run->shm, table);
	log_by(table);
	if (run->flows)
		run->options.flows = run->flow_service = flow_service_open(run->shm, run->options.promiscuous_ping);
	for (uint32_t i = 0; i < run->workers_n; i++) {
		const bool fragments = run->options.fragments && i == run->workers_n - 1;
		struct queue_options queue = run->options.queue;

		if (fragments)
			queue.copy = QUEUE_COPY_MAX;
		run->workers[i] = (struct worker){
			.options = &run->options,
			.table = table,
			.counters = counters_of(table, i),
			.row = i,
			.queue = run->first + i,
			.copy = queue.copy,
			.cpu = run->per_cpu && !fragments ? (int)i : NO_CPU,
			.stop = &run->stop,
			.fd = run->take_over ? run->files[i] : queue_open(run->first + i, &queue),
		};
	}
	if (run->options.fragments)
		open_fragments(run);
	if (!run->take_over)
		counters_reset(table);
	table->header->first_queue = run->first;
	table->header->queues = run->workers_n;
}

static void start_workers(struct run *run)
{
	if (run->flows && flow_service_start(run->flow_service, run->workers, run->workers_n))
		fail(EXIT_ERROR, "Cannot start the thread that follows the flows.");
	for (uint32_t i = 0; i < run->workers_n; i++) {
		const int error = worker_start(&run->workers[i]);

		if (error)
			fail(EXIT_ERROR, "Cannot start the thread of queue %u: %s.", run->workers[i].queue,
			     strerror(error));
	}
}

static void print_ready(const struct run *run)
{
	struct text text = {0};

	json_object(&text, NULL);
	json_string(&text, "event", "ready");
	json_array(&text, "queues");
	for (uint32_t i = 0; i < run->workers_n; i++)
		json_number(&text, NULL, run->workers[i].queue);
	json_array_end(&text);
	json_number(&text, "t", clock_ns());
	json_number(&text, "receiveBuffer", queue_receive_buffer(run->workers[0].fd));
	json_line(&text);
	text_print(&text, stdout);
	text_free(&text);
}

/* Returns the exit code: a worker that ended by itself is an error. */
static int stop_workers(struct run *run)
{
	int code = EXIT_OK;

	atomic_store(&run->stop, true);
	for (uint32_t i = 0; i < run->workers_n; i++)
		queue_wake(run->workers[i].fd);
	for (uint32_t i = 0; i < run->workers_n; i++)
		code |= queue_join(run->workers[i].thread, run->workers[i].queue, &run->workers[i].error);
	return code;
}

/* Returns whether the successor has the queues; all that was read from them is answered. */
static bool hand_over(struct run *run, int listener)
{
	struct handover_terms wanted, own = terms_of(run);
	const int successor = handover_accept(listener, &wanted);
	int files[WORKERS_MAX];

	if (successor < 0)
		return false;
	if (memcmp(&wanted, &own, sizeof(own)) != 0) {
		close(successor);
		return false;
	}
	stop_workers(run);
	for (uint32_t i = 0; i < run->workers_n; i++)
		files[i] = run->workers[i].fd;
	/* What the successor binds anew it finds free. */
	if (run->options.fragments)
		fragment_worker_close(run->workers[run->workers_n - 1].fragments);
	if (!handover_give(successor, files, run->workers_n))
		fail(EXIT_ERROR, "The balancer that was to take over has gone.");
	return true;
}

/* Returns whether a successor has taken over; else it was told to end. */
static bool until_end(struct run *run, int signals, int listener)
{
	struct tracer *tracer = &run->tracer;

	for (;;) {
		struct pollfd events[] = {{.fd = signals, .events = POLLIN},
					  {.fd = listener, .events = POLLIN},
					  {.fd = tracer->listener, .events = POLLIN},
					  {.fd = atomic_load(&tracer->client), .events = POLLIN}};

		if (poll(events, COUNT_OF(events), -1) < 0 && errno != EINTR)
			fail(EXIT_ERROR, "Cannot wait for signals: %s.", strerror(errno));
		if (events[3].revents)
			tracer_detach(tracer);
		if (events[2].revents)
			tracer_accept(tracer);
		if (events[0].revents)
			return false;
		if (events[1].revents && hand_over(run, listener))
			return true;
	}
}

int command_run(const struct command *command, int argc, char **argv)
{
	static struct run run = {
		.shm = STORE_DEFAULT_NAME,
		.options = {.batch = 64, .queue = {.length = 4096, .copy = 256}},
		.fragments = {.tun = "lb-fragments", .limits = {.datagrams = 32768, .bytes = 16u << 20}},
		.ttl_ms = 500,
	};
	int signals, listener, code;

	run_parse(&run, command, argc, argv);
	signals = signals_open();
	open_all(&run);
	/* Packets wait in a short queue for these threads, as for a kernel's own; where it is not allowed, so
	 * be it. */
	setpriority(PRIO_PROCESS, 0, -10);
	privileges_drop();
	listener = handover_listen(run.shm);
	tracer_open(&run.tracer, run.shm, run.workers, run.workers_n);
	run.options.tracer = &run.tracer;
	start_workers(&run);
	print_ready(&run);
	if (until_end(&run, signals, listener))
		return EXIT_OK;
	code = stop_workers(&run);
	if (run.flows)
		flow_service_stop(run.flow_service);
	counters_print(&run.table, stdout); /* before the queues close, which ends the kernel's own count */
	for (uint32_t i = 0; i < run.workers_n; i++)
		close(run.workers[i].fd);
	if (run.options.fragments)
		fragment_worker_close(run.workers[run.workers_n - 1].fragments);
	return code;
}
