// SPDX-License-Identifier: Apache-2.0
/* `nfqueue-lb run`: the balancer itself. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "json/json.h"
#include "util/clock.h"
#include "commands.h"
#include "counters.h"
#include "flow_service.h"
#include "fragment_worker.h"
#include "queue/privileges.h"
#include "queue/serve.h"
#include "queue_thread.h"
#include "remember.h"
#include "store.h"
#include "worker.h"

struct run {
	const char *shm;
	struct worker_options options;
	struct table table, routers;
	const char *routers_shm; /* NULL: this balancer is alone */
	struct fragment_options fragments;
	uint32_t ttl_ms;
	bool flows, per_cpu;
	struct flow_service *flow_service;
	uint16_t first;
	uint32_t workers_n;
	struct worker workers[WORKERS_MAX];
	atomic_bool stop;
};

/* "2" or "0:3". */
static void parse_queues(struct run *run, const char *text)
{
	char *colon, *copy = strdup(text);
	uint32_t last;

	if (!copy)
		fail(EXIT_ERROR, "Out of memory.");
	colon = strchr(copy, ':');
	if (colon)
		*colon = '\0';
	run->first = parse_number(copy, "The queue", 0, UINT16_MAX);
	last = colon ? parse_number(colon + 1, "The last queue", run->first, UINT16_MAX) : run->first;
	free(copy);
	run->workers_n = last - run->first + 1;
	if (run->workers_n > WORKERS_MAX)
		fail(EXIT_USAGE, "At most %u queues can be served, not %u.", WORKERS_MAX, run->workers_n);
}

static void parse(struct run *run, const struct command *command, int argc, char **argv)
{
	const char *queues = "0", *broken = NULL;
	struct worker_options *options = &run->options;
	struct fragment_options *fragments = &run->fragments;
	const struct option_spec specs[] = {
		OPTION_SHM(&run->shm),
		{"queue", 0, "Q|FIRST:LAST", "netfilter queues to serve, one thread each (0)",
		 .text = &queues},
		{"per-cpu", 0, NULL,
		 "pin the thread of queue FIRST + n to CPU n, for rules with --queue-cpu-fanout",
		 .flag = &run->per_cpu},
		{"batch", 0, "N", "maximum number of packets per system call (64)", .number = &options->batch,
		 .min = 1, .max = 1024},
		{"qlength", 0, "N", "maximum number of packets in a kernel queue (4096)",
		 .number = &options->queue.length, .min = 1, .max = 1000000},
		{"receive-buffer", 0, "N", "bytes of the socket's receive buffer (enough for --qlength)",
		 .number = &options->queue.buffer, .min = 4608, .max = INT32_MAX},
		{"copy", 0, "N", "bytes of each packet to copy to user space; more for long headers (256)",
		 .number = &options->queue.copy, .min = 64, .max = 65000},
		{"notargets-fwmark", 0, "N", "fwmark of packets without an active target (drop)",
		 .number = &options->no_target_fwmark, .min = 1, .max = UINT32_MAX},
		{"fail-open", 0, NULL, "accept packets of a full queue with their present mark",
		 .flag = &options->queue.fail_open},
		{"remember", 0, NULL, "create conntrack entries with the mark for TCP packets",
		 .flag = &options->remember},
		{"broken", 0, "random", "random target per packet, to verify a test", .text = &broken},
		{"flows", 0, NULL, "use the table of the first matching flow: see flow-set",
		 .flag = &run->flows},
		{"nolb-fwmark", 0, "N", "fwmark of packets without a matching flow (drop)",
		 .number = &options->no_flow_fwmark, .min = 1, .max = UINT32_MAX},
		{"fragments", 0, NULL,
		 "keep the fragments of a datagram together, with its flow; reserves the queue after\nthe "
		 "last one",
		 .flag = &options->fragments},
		{"fragment-ttl", 0, "MS",
		 "lifetime of a datagram entry, and of fragments without their first one (500)",
		 .number = &run->ttl_ms, .min = 1, .max = 60000},
		{"fragment-datagrams", 0, "N", "maximum number of datagram entries (32768)",
		 .number = &fragments->limits.datagrams, .min = 16, .max = 1u << 24},
		{"fragment-bytes", 0, "N", "maximum bytes of waiting fragments (16777216)",
		 .number = &fragments->limits.bytes, .min = 1u << 17, .max = 1u << 30},
		{"tun", 0, "NAME", "device to reinject fragments (lb-fragments)", .text = &fragments->tun},
		{"routers", 0, "NAME", "table of all routers: the addresses of a fragment select its router",
		 .text = &run->routers_shm},
		{"own", 0, "M", "fwmark of this router in the table of --routers", .number = &fragments->own,
		 .min = 1, .max = UINT32_MAX},
	};

	parse_options(command, argc, argv, specs, sizeof(specs) / sizeof(*specs), 0);
	parse_queues(run, queues);
	if (run->per_cpu && run->workers_n > (uint32_t)sysconf(_SC_NPROCESSORS_ONLN))
		fail(EXIT_USAGE, "--per-cpu takes at most one queue per CPU: %ld, not %u.",
		     sysconf(_SC_NPROCESSORS_ONLN), run->workers_n);
	if (broken && strcmp(broken, "random") != 0)
		fail(EXIT_USAGE, "--broken must be 'random', not '%s'.", broken);
	options->random = broken;
	if (options->no_flow_fwmark && !run->flows)
		fail(EXIT_USAGE, "--nolb-fwmark needs --flows.");
	if (!options->fragments && run->routers_shm)
		fail(EXIT_USAGE, "--routers needs --fragments.");
	if (!run->routers_shm != !fragments->own)
		fail(EXIT_USAGE, "--routers and --own need each other.");
	options->queue.answers =
		options->batch * (QUEUE_VERDICT_SIZE + (options->remember ? REMEMBER_SIZE : 0));
	if (!options->fragments)
		return;
	fragments->limits.ttl_ns = run->ttl_ms * 1000000ull;
	options->fragment_queue = run->first + run->workers_n++;
	if (run->workers_n > WORKERS_MAX || options->fragment_queue < run->first)
		fail(EXIT_USAGE, "No queue is left for fragments after queue %u.",
		     run->first + run->workers_n - 2u);
}

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

/* Queues first, table second: a balancer that can't have its queues leaves no trace in the table. */
static void open_all(struct run *run)
{
	struct table *table = &run->table;

	store_open(run->shm, true, table);
	store_claim(run->shm, table);
	if (run->flows)
		run->options.flows = run->flow_service = flow_service_open(run->shm);
	for (uint32_t i = 0; i < run->workers_n; i++) {
		const bool fragments = run->options.fragments && i == run->workers_n - 1;
		struct queue_options queue = run->options.queue;

		if (fragments)
			queue.copy = QUEUE_COPY_MAX;
		run->workers[i] = (struct worker){
			.options = &run->options,
			.table = table,
			.counters = counters_of(table, i),
			.queue = run->first + i,
			.copy = queue.copy,
			.cpu = run->per_cpu && !fragments ? (int)i : NO_CPU,
			.stop = &run->stop,
			.fd = queue_open(run->first + i, &queue),
		};
	}
	if (run->options.fragments)
		open_fragments(run);
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

int command_run(const struct command *command, int argc, char **argv)
{
	static struct run run = {
		.shm = STORE_DEFAULT_NAME,
		.options = {.batch = 64, .queue = {.length = 4096, .copy = 256}},
		.fragments = {.tun = "lb-fragments", .limits = {.datagrams = 32768, .bytes = 16u << 20}},
		.ttl_ms = 500,
	};
	sigset_t signals;
	int caught, code;

	parse(&run, command, argc, argv);
	/* Blocked before the first thread starts, so that all threads inherit it and sigwait gets the
	 * signals. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	open_all(&run);
	/* Packets wait in a short queue for these threads, as for a kernel's own; where it is not allowed, so
	 * be it. */
	setpriority(PRIO_PROCESS, 0, -10);
	privileges_drop();
	start_workers(&run);
	print_ready(&run);
	sigwait(&signals, &caught);
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
