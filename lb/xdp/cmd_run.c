// SPDX-License-Identifier: Apache-2.0
/* `xdp-lb run`: load, attach, answer callers, detach. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "balancer.h"
#include "json/json.h"
#include "util/clock.h"
#include "util/signals.h"
#include "commands.h"
#include "control.h"
#include "control/handover.h"
#include "control/socket.h"

#define EMPTIED_US 5000 /* of a ring that nothing comes to any more */

static atomic_bool stop;

/* The sockets of all queues must be there before any thread runs: a failure then needs no undoing. */
static void start_workers(struct balancer *balancer)
{
	const struct settings *settings = &balancer->settings;
	const int wake = eventfd(0, EFD_CLOEXEC);
	const size_t size = settings->queues * sizeof(struct user_worker);
	struct user_worker *workers = aligned_alloc(_Alignof(struct user_worker), size);

	if (wake < 0 || !workers)
		fail(EXIT_ERROR, "Cannot start threads: %s.", strerror(errno));
	memset(workers, 0, size);
	for (uint32_t q = 0; q < settings->queues; q++) {
		struct user_worker *worker = &workers[q];

		worker->table = &balancer->user;
		worker->queue = q;
		worker->stop = &stop;
		worker->wake = wake;
		xsk_open(&worker->sockets, settings->ifindex, settings->steer.egress_ifindex, settings->mtu,
			 q, settings->native);
		if (bpf_map_update_elem(balancer->kernel.sockets, &q, &worker->sockets.in.fd, BPF_ANY))
			fail(EXIT_ERROR, "Cannot hand queue %u to its socket: %s.", q, strerror(errno));
	}
	for (uint32_t q = 0; q < settings->queues; q++)
		user_start(&workers[q]);
	balancer->workers = workers;
}

static int stop_workers(struct balancer *balancer)
{
	int code = EXIT_OK;

	if (!balancer->workers)
		return code;
	atomic_store(&stop, true);
	(void)!write(balancer->workers[0].wake, &(uint64_t){1}, sizeof(uint64_t));
	for (uint32_t q = 0; q < balancer->settings.queues; q++) {
		struct user_worker *worker = &balancer->workers[q];

		user_join(worker);
		if (!worker->error)
			continue;
		fprintf(stderr, "Queue %u failed: %s.\n", q, strerror(worker->error));
		code = EXIT_ERROR;
	}
	return code;
}

static void print_ready(const struct balancer *balancer)
{
	const struct settings *settings = &balancer->settings;
	struct text text = {0};

	json_event(&text, "ready", clock_ns());
	json_string(&text, "dev", settings->device);
	json_string(&text, "mode", settings->native ? "native" : "generic");
	json_bool(&text, "zeroCopy", balancer->workers && balancer->workers[0].sockets.zero_copy);
	json_line(&text);
	text_print(&text, stdout);
	text_free(&text);
}

/* What two balancers must have in common. */
static struct handover_terms terms_of(const struct settings *settings)
{
	return (struct handover_terms){{settings->plane | (uint32_t)settings->gso << 8 | (uint32_t)settings->per_cpu << 9, settings->ifindex, settings->connections, settings->table.n}};
}

/* Takes the place of the one that runs, which has ended when it returns; what it attached works on. */
static struct kernel_files take_over(const struct settings *settings)
{
	const struct handover_terms terms = terms_of(settings);
	struct kernel_files files = kernel_no_files;
	int received[HANDOVER_FILES_MAX], before;
	const uint32_t n = handover_take("xdp-lb run", settings->name, &terms, received, &before);

	handover_done(before);
	files.counters = received[0];
	if (settings->plane != PLANE_TC)
		files.link = received[n - 1];
	if (settings->plane != PLANE_USER) {
		files.connections = received[1];
		files.picked = received[2];
	}
	return files;
}

/* Frames that still come go to the stack, and those that wait in the rings are served, so that none dies there. */
static void empty_sockets(const struct balancer *balancer)
{
	const uint32_t queues = balancer->workers ? balancer->settings.queues : 0;

	for (uint32_t q = 0; q < queues; q++)
		bpf_map_delete_elem(balancer->kernel.sockets, &q);
	if (queues > 0)
		usleep(EMPTIED_US);
}

/* Returns whether a successor has the files: then nothing may be detached. */
static bool hand_over(struct balancer *balancer, int listener)
{
	struct handover_terms wanted, own = terms_of(&balancer->settings);
	const struct kernel_files files = kernel_files(&balancer->kernel);
	const int successor = handover_accept(listener, &wanted);
	int list[] = {files.counters, files.connections, files.picked, files.link};
	uint32_t n = 0;

	if (successor < 0)
		return false;
	if (memcmp(&wanted, &own, sizeof(own)) != 0) {
		close(successor);
		return false;
	}
	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (list[i] >= 0)
			list[n++] = list[i];
	empty_sockets(balancer);
	stop_workers(balancer);
	if (handover_give(successor, list, n))
		return true;
	fail(EXIT_ERROR, "The balancer that was to take over has gone.");
}

/* Until a signal, or until a successor has taken over: then returns true. */
static bool serve(struct balancer *balancer, int signals, int control)
{
	struct pollfd events[] = {{.fd = signals, .events = POLLIN},
				  {.fd = control, .events = POLLIN},
				  {.fd = handover_listen(balancer->settings.name), .events = POLLIN}};

	for (;;) {
		if (poll(events, 3, -1) < 0 && errno != EINTR)
			fail(EXIT_ERROR, "Cannot wait for callers: %s.", strerror(errno));
		if (events[0].revents)
			return false;
		if (events[1].revents)
			control_serve(events[1].fd, balancer);
		if (events[2].revents && hand_over(balancer, events[2].fd))
			return true;
	}
}

int command_run(const struct command *command, int argc, char **argv)
{
	static struct balancer balancer;
	struct settings *settings = &balancer.settings;
	struct kernel_files before = kernel_no_files;
	bool takes_over = false;
	const struct option_spec more[] = {
		{"take-over", 0, NULL,
		 "take the place of the balancer of that name, with its connection table and counters",
		 .flag = &takes_over}};
	struct text text = {0};
	int signals, control, code;

	settings_parse(settings, balancer.members, command, argc, argv, true, more, 1);
	signals = signals_open();
	/* AF_XDP sockets are free only when the one before has ended, so its program is loaded by then. */
	if (takes_over && settings->plane != PLANE_USER)
		before = take_over(settings);
	balancer_load(&balancer, &before);
	if (takes_over && settings->plane == PLANE_USER) {
		before = take_over(settings);
		close(before.counters);
	}
	control = control_socket_listen(settings->name);
	if (settings->plane == PLANE_USER) {
		/* Frames wait in a short ring for these threads, as for a kernel's own; where it is not
		 * allowed, so be it. */
		setpriority(PRIO_PROCESS, 0, -10);
		start_workers(&balancer);
	}
	/* Last, so that no frame meets a balancer that is not ready. */
	kernel_attach(&balancer.kernel, before.link);
	print_ready(&balancer);
	if (serve(&balancer, signals, control))
		return EXIT_OK;
	kernel_detach(&balancer.kernel);
	code = stop_workers(&balancer);
	balancer_stats_json(&balancer, &text);
	text_print(&text, stdout);
	return code;
}

/* Every plane's program, and a socket of the kind that PLANE_USER needs. */
int command_check(const struct command *command, int argc, char **argv)
{
	static struct balancer balancer;
	int fd;

	settings_parse(&balancer.settings, balancer.members, command, argc, argv, false, NULL, 0);
	balancer_load(&balancer, &kernel_no_files);
	if (balancer.settings.plane != PLANE_USER)
		return EXIT_OK;
	fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail(EXIT_ERROR, "This kernel gives no AF_XDP sockets: %s.", strerror(errno));
	close(fd);
	return EXIT_OK;
}
