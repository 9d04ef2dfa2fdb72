/* `nfqueue-lb run`: the balancer itself. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "commands.h"
#include "counters.h"
#include "privileges.h"
#include "store.h"
#include "worker.h"

struct run {
	const char *shm;
	struct worker_options options;
	struct table table;
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
	const struct option_spec specs[] = {
		{"shm", 0, .text = &run->shm},
		{"queue", 0, .text = &queues},
		{"batch", 0, .number = &options->batch, .min = 1, .max = 1024},
		{"qlength", 0, .number = &options->queue.length, .min = 1, .max = 1000000},
		{"copy", 0, .number = &options->queue.copy, .min = 64, .max = 65000},
		{"notargets-fwmark", 0, .number = &options->no_target_fwmark, .min = 1, .max = UINT32_MAX},
		{"fail-open", 0, .flag = &options->queue.fail_open},
		{"remember", 0, .flag = &options->remember},
		{"broken", 0, .text = &broken},
	};

	parse_options(command, argc, argv, specs, sizeof(specs) / sizeof(*specs), 0);
	parse_queues(run, queues);
	if (broken && strcmp(broken, "random") != 0)
		fail(EXIT_USAGE, "The only way to be broken is 'random', not '%s'.", broken);
	options->random = broken;
}

/* Queues first, table second: a balancer that can't have its queues leaves no trace in the table. */
static void open_all(struct run *run)
{
	struct table *table = &run->table;

	store_open(run->shm, true, table);
	store_claim(run->shm, table);
	for (uint32_t i = 0; i < run->workers_n; i++) {
		run->workers[i] = (struct worker){
			.options = &run->options,
			.table = table,
			.counters = counters_of(table, i),
			.queue = run->first + i,
			.stop = &run->stop,
			.fd = queue_open(run->first + i, &run->options.queue),
		};
	}
	counters_reset(table);
	table->header->first_queue = run->first;
	table->header->queues = run->workers_n;
}

static void start_workers(struct run *run)
{
	for (uint32_t i = 0; i < run->workers_n; i++) {
		const int error = worker_start(&run->workers[i]);

		if (error)
			fail(EXIT_ERROR, "Cannot start the thread of queue %u: %s.", run->workers[i].queue,
			     strerror(error));
	}
}

static void print_ready(const struct run *run)
{
	printf("{\"event\":\"ready\",\"queues\":[");
	for (uint32_t i = 0; i < run->workers_n; i++)
		printf("%s%u", i ? "," : "", run->workers[i].queue);
	printf("],\"t\":%" PRIu64 ",\"receiveBuffer\":%" PRIu32 "}\n", clock_ns(),
	       queue_receive_buffer(run->workers[0].fd));
	fflush(stdout);
}

/* Returns the exit code: a worker that ended by itself is an error. */
static int stop_workers(struct run *run)
{
	int code = EXIT_OK;

	atomic_store(&run->stop, true);
	for (uint32_t i = 0; i < run->workers_n; i++)
		queue_wake(run->workers[i].fd);
	for (uint32_t i = 0; i < run->workers_n; i++) {
		const struct worker *worker = &run->workers[i];

		pthread_join(worker->thread, NULL);
		if (!worker->error)
			continue;
		fprintf(stderr, "Queue %u failed: %s.\n", worker->queue, strerror(worker->error));
		code = EXIT_ERROR;
	}
	return code;
}

int command_run(const struct command *command, int argc, char **argv)
{
	static struct run run = {
		.shm = STORE_DEFAULT_NAME,
		.options = {.batch = 64, .queue = {.length = 4096, .copy = 256}},
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
	counters_print(&run.table, stdout); /* before the queues close, which ends the kernel's own count */
	for (uint32_t i = 0; i < run.workers_n; i++)
		close(run.workers[i].fd);
	return code;
}
