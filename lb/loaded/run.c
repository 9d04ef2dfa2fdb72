// SPDX-License-Identifier: Apache-2.0
/* `loaded-lb run`: the balancer itself. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "address.h"
#include "commands.h"
#include "control.h"
#include "control/socket.h"
#include "discover.h"
#include "jail.h"
#include "json/json.h"
#include "queue/drops.h"
#include "queue/serve.h"
#include "util/clock.h"
#include "util/signals.h"
#include "worker.h"

static struct balancer balancer;

/* "2" or "0:3". */
static bool parse_queues(const char *text, void *to)
{
	struct settings *settings = to;
	unsigned first, last;
	int end = -1;

	if (sscanf(text, "%u:%u%n", &first, &last, &end) != 2 || text[end]) {
		end = -1;
		if (sscanf(text, "%u%n", &first, &end) != 1 || text[end])
			return false;
		last = first;
	}
	if (last > UINT16_MAX || last < first || last - first >= WORKERS_MAX)
		return false;
	settings->first = (uint16_t)first;
	settings->queues = last - first + 1;
	return true;
}

static bool parse_vips(const char *text, void *to)
{
	static struct control_message list;
	struct settings *settings = to;

	list.n = 0;
	control_add(&list, text);
	for (uint32_t i = 0; i < list.n; i++) {
		const bool ip4 = address_is_ip4(list.addresses[i]);

		if (settings->vip[ip4].given)
			return false; /* what comes back from a target could be of either */
		memcpy(settings->vip[ip4].address, list.addresses[i], 16);
		settings->vip[ip4].given = true;
	}
	return list.n > 0;
}

static bool parse_ports(const char *text, void *to)
{
	uint8_t *bits = to;
	char *end;

	do {
		const unsigned long port = strtoul(text, &end, 10);

		if (end == text || port == 0 || port > UINT16_MAX || (*end && *end != ','))
			return false;
		bits[port / 8] |= (uint8_t)(1 << port % 8);
		text = end + 1;
	} while (*end);
	return true;
}

static bool parse_scheduler(const char *text, void *to)
{
	enum target_scheduler *scheduler = to;

	*scheduler = strcmp(text, "weighted") == 0 ? SCHEDULER_WEIGHTED : SCHEDULER_RR;
	return *scheduler == SCHEDULER_WEIGHTED || strcmp(text, "rr") == 0;
}

static void parse(struct control_message *targets, const struct command *command, int argc, char **argv)
{
	struct settings *s = &balancer.settings;
	const char *list = "";
	const struct option_spec specs[] = {
		{"name", 0, "NAME", "by which the other commands find it (" DEFAULT_NAME ")", .text = &s->name},
		{"vip", 0, "ADDRESS[,ADDRESS]", "what clients connect to; one of each family", .parse = parse_vips,
		 .to = s},
		{"targets", 0, "ADDRESS,...", "the targets at the start", .text = &list},
		{"scheduler", 0, "rr|weighted",
		 "who gets a new client: in turn (rr), or who has the fewest clients (rr)",
		 .parse = parse_scheduler, .to = &s->scheduler},
		{"queue", 0, "Q|FIRST:LAST", "netfilter queues to serve, one thread each (0)",
		 .parse = parse_queues, .to = s},
		{"batch", 0, "N", "maximum number of packets per system call (64)", .number = &s->batch,
		 .min = 1, .max = 256},
		{"qlength", 0, "N", "maximum number of packets in a kernel queue (4096)",
		 .number = &s->queue.length, .min = 1, .max = 1000000},
		{"idle", 0, "SECONDS", "a client that is silent for so long is forgotten (600)",
		 .number = &s->idle_s, .min = 1, .max = 1000000},
		{"clients", 0, "N", "most clients that are remembered; more are refused (1048576)",
		 .number = &s->limit, .min = 1, .max = 1u << 24},
		{"exempt", 0, "PORT,...", "destination ports of the VIP that are not balanced",
		 .parse = parse_ports, .to = s->exempt},
		{"fragments", 0, NULL, "fragments go to their client's target; else they are dropped",
		 .flag = &s->fragments},
		{"port-alive", 0, "PORT", "TCP port of targets that is tried; without it they are not checked",
		 .number = &s->port_alive, .min = 1, .max = UINT16_MAX},
		{"cycle", 0, "MS", "time from check to check (1000)", .number = &s->cycle_ms, .min = 20,
		 .max = 3600000},
		{"alive", 0, "MS", "time that a target has to accept a connection (500)",
		 .number = &s->alive_ms, .min = 1, .max = 60000},
		{"fall", 0, "N", "failed checks in a row until a target is dead (2)", .number = &s->fall,
		 .min = 1, .max = 100},
		{"hotplug", 0, "DEVICE",
		 "targets that answer on this link come in, although nobody configured them",
		 .text = &s->device},
	};

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	if (!s->vip[0].given && !s->vip[1].given)
		fail(EXIT_USAGE, "--vip is missing. Try 'loaded-lb run --help'.");
	if (s->device && !s->port_alive)
		fail(EXIT_USAGE, "--hotplug needs --port-alive: whoever answers there is a target.");
	s->hotplug = s->device;
	s->queue.copy = QUEUE_COPY_MAX;
	s->queue.finished = true;
	/* A batch of full-sized packets, as far as the kernel lets a socket have it. */
	s->queue.answers = s->batch * (QUEUE_VERDICT_SIZE + 1600);
	control_add(targets, list);
}

/* Queues first: a balancer that cannot have its queues takes nothing. */
static void open_all(const struct control_message *targets)
{
	const struct settings *s = &balancer.settings;

	for (uint32_t i = 0; i < s->queues; i++) {
		struct worker *worker = &balancer.workers[i];

		worker->balancer = &balancer;
		worker->queue = (uint16_t)(s->first + i);
		worker->fd = queue_open(worker->queue, &s->queue);
	}
	balancer.queue_list = queue_drops_open();
	targets_init(&balancer.targets, s->scheduler);
	balancer.clients = clients_open(&balancer.targets, s->limit, s->idle_s * 1000);
	if (!balancer.clients)
		fail(EXIT_ERROR, "Out of memory for %u clients.", s->limit);
	for (uint32_t i = 0; i < targets->n; i++)
		balancer_set_state(&balancer, targets_add(&balancer.targets, targets->addresses[i], false),
				   TARGET_ACTIVE);
	discover_open(&balancer);
}

static void start(void)
{
	int error = balancer.settings.port_alive ? discover_start() : 0;

	for (uint32_t i = 0; !error && i < balancer.settings.queues; i++)
		error = worker_start(&balancer.workers[i]);
	if (error)
		fail(EXIT_ERROR, "Cannot start a thread: %s.", strerror(error));
}

static void print_ready(void)
{
	struct text text = {0};

	json_event(&text, "ready", clock_ns());
	json_number(&text, "firstQueue", balancer.settings.first);
	json_number(&text, "queues", balancer.settings.queues);
	json_bool(&text, "chroot", balancer.jailed);
	json_line(&text);
	text_print(&text, stdout);
	text_free(&text);
}

/* Until a signal comes; once a second the silent are forgotten. */
static void serve(int signals, int listener)
{
	struct pollfd events[] = {{.fd = signals, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
	uint64_t expire_ns = clock_ns() + 1000000000;

	while (!events[0].revents) {
		if (poll(events, 2, 1000) < 0 && errno != EINTR)
			fail(EXIT_ERROR, "Cannot wait for callers: %s.", strerror(errno));
		if (events[1].revents)
			control_serve(listener, &balancer);
		if (clock_ns() < expire_ns)
			continue;
		atomic_fetch_add(&balancer.expired,
				 clients_expire(balancer.clients, (uint32_t)(clock_ns() / 1000000)));
		expire_ns = clock_ns() + 1000000000;
	}
}

/* Returns the exit code: a worker that ended by itself is an error. */
static int stop(void)
{
	int code = EXIT_OK;

	atomic_store(&balancer.stop, true);
	if (balancer.settings.port_alive)
		discover_stop();
	for (uint32_t i = 0; i < balancer.settings.queues; i++)
		queue_wake(balancer.workers[i].fd);
	for (uint32_t i = 0; i < balancer.settings.queues; i++)
		code |= queue_join(balancer.workers[i].thread, balancer.workers[i].queue, &balancer.workers[i].error);
	return code;
}

int command_run(const struct command *command, int argc, char **argv)
{
	static struct control_message targets;
	struct text text = {0};
	int signals, listener, code;

	balancer.settings = (struct settings){
		.name = DEFAULT_NAME,
		.batch = 64,
		.limit = 1u << 20,
		.idle_s = 600,
		.queues = 1,
		.queue = {.length = 4096},
		.cycle_ms = 1000,
		.alive_ms = 500,
		.fall = 2,
	};
	parse(&targets, command, argc, argv);
	signals = signals_open();
	listener = control_socket_listen(balancer.settings.name);
	open_all(&targets);
	/* Packets wait in a short queue for these threads; where it is not allowed, so be it. */
	setpriority(PRIO_PROCESS, 0, -10);
	balancer.jailed = jail_enter();
	start();
	print_ready();
	serve(signals, listener);
	code = stop();
	/* Before the queues close, which ends the kernel's own count. */
	control_stats(&balancer, &text);
	text_print(&text, stdout);
	text_free(&text);
	clients_close(balancer.clients);
	return code;
}
