// SPDX-License-Identifier: Apache-2.0
#include "client.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/fail.h"
#include "connection.h"
#include "events.h"
#include "limits.h"
#include "message.h"
#include "originals.h"
#include "util/memory.h"
#include "out.h"
#include "socket.h"

#define EVENTS_PER_TURN 256
#define DRAIN_NS (500 * NS_PER_MS) /* how long the last echoes may take */
#define OTHER_FILES 16

/* User data of epoll entries that are no connections. */
#define ENTRY_SIGNAL (UINT64_MAX)
#define ENTRY_OUTPUT (UINT64_MAX - 1)

static void watch(const struct client *client, int fd, uint64_t entry, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u64 = entry};

	epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, fd, &event); /* refused for a plain file on stdout */
}

/* At the same time. */
static uint64_t most_sockets(const struct client *client)
{
	const struct settings *set = &client->set;

	if (set->plan) /* and as many that nobody answers any more */
		return 2ULL * plan_peak(set->plan, set->connections);
	const bool passing = set->mode == MODE_CONNECT && !set->keep;
	return passing && set->concurrent < client->count ? set->concurrent : client->count;
}

/* Returns the exit code of a failure, or 0. */
static int client_init(struct client *client, const struct settings *settings)
{
	sigset_t signals;

	client->set = *settings;
	socket_tuples(client);
	if (settings->connections > client->tuples.size)
		fail(EXIT_USAGE,
		     "Cannot open %u connections: there are only %llu 5-tuples. Give a larger "
		     "--src network, or more --sources.",
		     settings->connections, (unsigned long long)client->tuples.size);
	if (settings->visit && settings->connections > client->tuples.addresses)
		fail(EXIT_USAGE, "Cannot open %u connections in one visit: of %s %llu addresses are used.",
		     settings->connections, settings->source.text,
		     (unsigned long long)client->tuples.addresses);
	if (!require_open_files(most_sockets(client) + OTHER_FILES))
		return EXIT_ENVIRONMENT;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	client->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	watch(client, client->signal_fd, ENTRY_SIGNAL, EPOLLIN | EPOLLET);
	watch(client, STDOUT_FILENO, ENTRY_OUTPUT, 0); /* errors are always reported */
	client->list = allocate(client->count * sizeof(*client->list));
	client->message = allocate(settings->message_bytes);
	client->echo = allocate(ECHO_BYTES);
	integrity_init();
	integrity_fill(client->message, settings->message_bytes);
	client->first_pending = client->count;
	client_targets_init(client);
	return 0;
}

/* Stream: the plan, or a place in the ramp, which is the phase too. Connect: as --rate says, or no schedule. */
static void schedule_starts(struct client *client)
{
	const struct settings *set = &client->set;
	const bool scheduled = set->mode == MODE_STREAM || set->rate > 0;
	double step_ns = 0;

	if (scheduled)
		step_ns = set->mode == MODE_STREAM ? (double)set->ramp_ns / set->connections
						   : (double)NS_PER_S / set->rate;
	wheel_init(&client->wheel, client->count, client->start_ns);
	for (uint32_t i = 0; i < client->count; i++) {
		struct connection *c = &client->list[i];

		c->fd = -1;
		c->state = STATE_IDLE;
		const uint32_t id = connection_id(client, i);
		if (set->plan)
			c->first_due_ns = client->start_ns + set->plan[id].start_us * NS_PER_US;
		else if (scheduled)
			c->first_due_ns = client->start_ns + (uint64_t)(id * step_ns);
	}
}

/* Opens in order what is due by `until`. Returns when to go on; where there is no room, answers make it. */
static uint64_t open_next(struct client *client, uint64_t until)
{
	while (client->next < client->count && !client->draining) {
		struct connection *c = &client->list[client->next];
		uint64_t now = now_ns();

		if (c->first_due_ns > until)
			return c->first_due_ns;
		if (!connection_room(client)) {
			client->full = true;
			return NEVER_NS;
		}
		if (client->full && client->set.hold)
			client->room_ns = now;
		client->full = false;
		if (c->first_due_ns && c->first_due_ns < client->room_ns)
			c->first_due_ns = client->room_ns;
		client->next++;
		connection_open(client, c, now);
	}
	return NEVER_NS;
}

/* Up to `until`: a backlog must not keep the sockets waiting for ever. */
static void run_timers(struct client *client, uint64_t until)
{
	uint32_t id;

	while ((id = wheel_take(&client->wheel, until)) != WHEEL_NONE)
		connection_timer(client, &client->list[id], now_ns());
}

static void handle(struct client *client, const struct epoll_event *event)
{
	if (event->data.u64 == ENTRY_SIGNAL)
		client_signalled(client, client->signal_fd);
	else if (event->data.u64 == ENTRY_OUTPUT)
		_exit(1); /* nobody is left to report to */
	else
		connection_ready(client, &client->list[event->data.u64], event->events, now_ns());
}

/* Waits to the nanosecond where the kernel can (5.11 and later), else to the next millisecond. */
static int wait_events(const struct client *client, struct epoll_event *events, uint64_t until)
{
	static bool coarse;
	uint64_t now = now_ns(), left = until > now ? until - now : 0;

	if (!coarse) {
		struct timespec timeout = {.tv_sec = (time_t)(left / NS_PER_S),
					   .tv_nsec = (long)(left % NS_PER_S)};
		long count = syscall(SYS_epoll_pwait2, client->epoll_fd, events, EVENTS_PER_TURN, &timeout,
				     NULL, 0);

		if (count >= 0 || errno != ENOSYS)
			return (int)count;
		coarse = true;
	}
	return epoll_wait(client->epoll_fd, events, EVENTS_PER_TURN,
			  (int)((left + NS_PER_MS - 1) / NS_PER_MS));
}

static void take_sample(struct client *client, uint64_t now)
{
	if (client->set.output == OUTPUT_NDJSON)
		events_sample(client, now);
	else if (client->set.output >= OUTPUT_CTRAFFIC)
		originals_sample(client, now);
	memset(client->hist, 0, sizeof(client->hist));
	client->max_late_sample_ns = 0;
}

/* No new message is due any more, and either all answers are there or they have had their time. */
static bool finished(struct client *client, uint64_t now)
{
	if (client->set.mode == MODE_CONNECT && !client->set.keep && client->next == client->count &&
	    !client->opening)
		return true;
	if (client->stop && client->end_ns > now)
		client->end_ns = now;
	client->draining = now >= client->end_ns;
	return client->draining && (client->outstanding <= 0 || now >= client->end_ns + DRAIN_NS);
}

static void loop(struct client *client)
{
	struct epoll_event events[EVENTS_PER_TURN];
	uint64_t next_sample = client->start_ns + client->set.sample_ns, now = client->start_ns;

	for (; !finished(client, now); now = now_ns()) {
		uint64_t until = open_next(client, now);

		run_timers(client, now);
		if (!client->first_pending && !client->all_told) {
			client->all_told = true;
			events_all_established(client, now_ns());
		}
		if (now >= next_sample) {
			take_sample(client, now);
			next_sample += (now - next_sample) / client->set.sample_ns * client->set.sample_ns +
				       client->set.sample_ns;
		}
		out_flush();
		uint64_t timer = wheel_next_ns(&client->wheel);
		until = until < timer ? until : timer;
		until = until < next_sample ? until : next_sample;
		if (until > client->end_ns && !client->draining)
			until = client->end_ns;
		int count = wait_events(client, events, until);
		for (int i = 0; i < count; i++)
			handle(client, &events[i]);
	}
}

/*
 * Closed by reset: 10,000 tuples in TIME_WAIT would keep the same seed from being run again for a minute, and
 * the servers would have to take notice one by one. Very many resets at once would only fill queues:
 * a connection under repair (CAP_NET_ADMIN) is closed without one.
 */
static void close_all(struct client *client)
{
	struct linger now_or_never = {.l_onoff = 1};
	int on = TCP_REPAIR_ON;

	for (uint32_t i = 0; i < client->count; i++) {
		int fd = client->list[i].fd;

		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now_or_never, sizeof(now_or_never));
		if (client->set.vanish && !client->set.sctp)
			setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on));
		close(fd);
	}
}

static void settle(struct client *client, uint64_t now)
{
	for (uint32_t i = 0; i < client->count; i++) {
		struct connection *c = &client->list[i];

		if (c->state != STATE_LIVE && c->state != STATE_OPENING)
			continue;
		if (c->fd < 0)
			continue;
		message_gap(client, c, now);
		if (c->state == STATE_LIVE)
			message_missed(client, c, c->sent, now);
		connection_row(client, c, CAUSE_NONE, now);
	}
}

static int finish(struct client *client)
{
	uint64_t now = now_ns();
	int exit_code = 0;

	take_sample(client, now);
	settle(client, now);
	if (client->set.output == OUTPUT_NDJSON) {
		events_rows_flush(client, now);
		events_end(client, now_ns());
	} else {
		exit_code = originals_finish(client, now);
	}
	out_drain();
	close_all(client);
	return exit_code;
}

int client_run(const struct settings *settings)
{
	static struct client client;

	int exit_code = client_init(&client, settings);

	if (exit_code)
		return exit_code;
	out_init();
	originals_init(&client);
	client.start_ns = now_ns();
	client.end_ns = settings->duration_ns ? client.start_ns + settings->duration_ns : NEVER_NS;
	schedule_starts(&client);
	events_start(&client);
	loop(&client);
	return finish(&client);
}
