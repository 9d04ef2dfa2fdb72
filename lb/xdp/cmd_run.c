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
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "balancer.h"
#include "json/json.h"
#include "util/clock.h"
#include "commands.h"
#include "control.h"
#include "control/socket.h"

static atomic_bool stop;

/* Blocked before the first thread starts, so that all threads inherit it and the signals come here. */
static int signals_open(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

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

int command_run(const struct command *command, int argc, char **argv)
{
	static struct balancer balancer;
	struct pollfd events[2];
	struct text text = {0};
	int code;

	settings_parse(&balancer.settings, balancer.members, command, argc, argv, true, NULL, 0);
	events[0] = (struct pollfd){.fd = signals_open(), .events = POLLIN};
	events[1] = (struct pollfd){.fd = control_socket_listen(balancer.settings.name), .events = POLLIN};
	balancer_load(&balancer, true);
	if (balancer.settings.plane == PLANE_USER) {
		/* Frames wait in a short ring for these threads, as for a kernel's own; where it is not
		 * allowed, so be it. */
		setpriority(PRIO_PROCESS, 0, -10);
		start_workers(&balancer);
	}
	/* Last, so that no frame meets a balancer that is not ready. */
	kernel_attach(&balancer.kernel);
	print_ready(&balancer);
	for (;;) {
		if (poll(events, 2, -1) < 0 && errno != EINTR)
			fail(EXIT_ERROR, "Cannot wait for callers: %s.", strerror(errno));
		if (events[0].revents)
			break;
		if (events[1].revents)
			control_serve(events[1].fd, &balancer);
	}
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
	balancer_load(&balancer, true);
	if (balancer.settings.plane != PLANE_USER)
		return EXIT_OK;
	fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail(EXIT_ERROR, "This kernel gives no AF_XDP sockets: %s.", strerror(errno));
	close(fd);
	return EXIT_OK;
}
