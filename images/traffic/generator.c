// SPDX-License-Identifier: Apache-2.0
#include "generator.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/fail.h"
#include "datagram.h"
#include "connection.h"
#include "events.h"
#include "fragments_out.h"
#include "limits.h"
#include "util/memory.h"
#include "out.h"
#include "socket.h"

#define DRAIN_NS (1000 * NS_PER_MS) /* and the last receipts may take so long */

static uint64_t due_ns(const struct generator *g, uint64_t number)
{
	return g->client.start_ns + (uint64_t)((double)number / g->client.set.rate * (double)NS_PER_S);
}

static void first_answer(struct generator *g, struct connection *c, uint16_t host, uint64_t now)
{
	c->host = host;
	c->established_ns = now;
	g->client.hosts.list[host].live++;
	g->client.alive++;
	g->client.totals.established++;
	g->client.first_established++;
}

static void take_receipt(struct generator *g, uint32_t flow, const struct receipt *receipt, uint16_t host,
			 uint64_t now)
{
	struct connection *c = &g->client.list[flow];
	struct tally *tally = &g->tallies[pattern_of(g, flow)];
	struct sent *sent;

	if (receipt->number >= g->numbered || receipt->flow != flow ||
	    g->sent[receipt->number].flow != flow || !receipt->whole) {
		tally->corrupt++;
		return;
	}
	sent = &g->sent[receipt->number];
	if (c->host == NO_HOST)
		first_answer(g, c, host, now);
	else if (c->host != host) {
		c->moved_to = host;
		tally->wrong_target++;
	}
	c->progress_ns = now;
	if (sent->arrived) {
		tally->duplicates++;
		return;
	}
	sent->arrived = true;
	if (sent->incomplete) {
		tally->incomplete_delivered++;
		return;
	}
	tally->arrived++;
	g->missing--;
	c->received++;
	g->client.totals.received++;
	g->client.hist[hist_bucket((now - due_ns(g, receipt->number)) / NS_PER_US)]++;
}

static void read_receipts(struct generator *g, uint32_t flow)
{
	struct connection *c = &g->client.list[flow];
	uint8_t data[2048];
	ssize_t bytes;

	while ((bytes = recv(c->fd, data, sizeof(data), MSG_DONTWAIT)) >= 0) {
		struct receipt receipt;
		uint16_t host;

		if (!receipt_read(data, (uint32_t)bytes, &receipt))
			continue;
		host = hosts_index(&g->client.hosts, (const char *)data, HOST_NAME_BYTES);
		if (host != NO_HOST)
			take_receipt(g, flow, &receipt, host, now_ns());
	}
}

static void note_late(struct generator *g, uint64_t due, uint64_t now)
{
	struct client *client = &g->client;
	const uint64_t late = now - due;

	if (late > 50 * NS_PER_MS)
		client->totals.late_sends++;
	if (late > client->max_late_ns)
		client->max_late_ns = late;
	if (late > client->max_late_sample_ns)
		client->max_late_sample_ns = late;
}

static void send_due(struct generator *g)
{
	uint64_t now = now_ns();

	/* Not more at a time than a socket's worth of receipts may pile up meanwhile. */
	for (int i = 0; i < 32 && g->numbered < g->total && due_ns(g, g->numbered) <= now; i++) {
		note_late(g, due_ns(g, g->numbered), now);
		send_next(g, now);
		now = now_ns();
	}
	if (g->held_n && (now - g->held_since_ns > HELD_NS || g->numbered == g->total))
		send_held(g);
}

/* Milliseconds until something is due, at most until the next sample. */
static int wait_ms(const struct generator *g, uint64_t next_sample, uint64_t now)
{
	uint64_t until = next_sample;

	if (g->numbered < g->total && due_ns(g, g->numbered) < until)
		until = due_ns(g, g->numbered);
	if (g->held_n && g->held_since_ns + HELD_NS < until)
		until = g->held_since_ns + HELD_NS;
	return until <= now ? 0 : (int)((until - now + NS_PER_MS - 1) / NS_PER_MS);
}

static void sample(struct generator *g, uint64_t now)
{
	events_sample(&g->client, now);
	memset(g->client.hist, 0, sizeof(g->client.hist));
	g->client.max_late_sample_ns = 0;
}

static void loop(struct generator *g, int signal_fd)
{
	struct client *client = &g->client;
	struct epoll_event events[256], entry = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
	uint64_t next_sample = client->start_ns + client->set.sample_ns, ended = 0;

	epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, signal_fd, &entry);
	while (!ended || (g->missing && now_ns() < ended + DRAIN_NS)) {
		const uint64_t now = now_ns();
		int count;

		send_due(g);
		if (!ended && (g->numbered == g->total || client->stop))
			ended = now;
		if (now >= next_sample) {
			sample(g, now);
			next_sample = now + client->set.sample_ns;
		}
		out_flush();
		count = epoll_wait(client->epoll_fd, events, 256, wait_ms(g, next_sample, now_ns()));
		for (int i = 0; i < count; i++) {
			if (events[i].data.u64 != UINT64_MAX) {
				read_receipts(g, (uint32_t)events[i].data.u64);
				continue;
			}
			client_signalled(client, signal_fd);
			g->total = g->numbered;
			epoll_ctl(client->epoll_fd, EPOLL_CTL_DEL, signal_fd, NULL);
		}
	}
}

static void tell_datagrams(const struct generator *g, uint64_t now)
{
	json_event(&out, "datagrams", now);
	json_number(&out, "fragments", g->fragments);
	json_array(&out, "patterns");
	for (uint32_t i = 0; i < g->patterns_n; i++) {
		const struct tally *t = &g->tallies[g->patterns[i]];

		json_object(&out, NULL);
		json_string(&out, "pattern", pattern_names[g->patterns[i]]);
		json_number(&out, "sent", t->sent);
		json_number(&out, "arrived", t->arrived);
		json_number(&out, "incompleteSent", t->incomplete);
		json_number(&out, "incompleteDelivered", t->incomplete_delivered);
		json_number(&out, "corrupt", t->corrupt);
		json_number(&out, "duplicates", t->duplicates);
		json_number(&out, "wrongTarget", t->wrong_target);
		json_object_end(&out);
	}
	json_array_end(&out);
	json_line(&out);
}

static void finish(struct generator *g)
{
	struct client *client = &g->client;
	const uint64_t now = now_ns();

	events_all_established(client, now);
	sample(g, now);
	for (uint32_t i = 0; i < client->count; i++) {
		struct connection *c = &client->list[i];

		if (c->opened_ns)
			connection_row(client, c, c->moved_to == NO_HOST ? CAUSE_NONE : CAUSE_WRONG_TARGET,
				       now);
	}
	events_rows_flush(client, now);
	tell_datagrams(g, now);
	events_end(client, now_ns());
	out_drain();
}

/* Returns an exit code. */
static int open_sockets(struct generator *g)
{
	struct client *client = &g->client;

	if (!require_open_files(client->count + 16))
		return EXIT_ENVIRONMENT;
	client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t i = 0; i < client->count; i++) {
		struct connection *c = &client->list[i];
		int error;

		c->host = c->moved_to = NO_HOST;
		error = socket_open(client, c);
		if (error) {
			fprintf(stderr, "Cannot open the socket of flow %u: %s.\n", i, strerror(error));
			return EXIT_ENVIRONMENT;
		}
	}
	g->packet_fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (g->packet_fd < 0)
		fprintf(stderr, "Cannot open a packet socket: %s. CAP_NET_RAW is needed.\n", strerror(errno));
	return g->packet_fd < 0 ? EXIT_ENVIRONMENT : 0;
}

static void allocate_buffers(struct generator *g)
{
	struct outgoing *all[INTERLEAVED + 1] = {&g->alone};

	for (int i = 0; i < INTERLEAVED; i++)
		all[i + 1] = &g->held[i];
	for (int i = 0; i <= INTERLEAVED; i++) {
		all[i]->udp = allocate(UDP_HEADER + UDP_MAX);
		all[i]->list = allocate((2 * FRAGMENTS_MAX + 1) * sizeof(struct fragment));
	}
	g->sent = allocate(g->total * sizeof(*g->sent));
	g->client.list = allocate(g->client.count * sizeof(*g->client.list));
	client_targets_init(&g->client);
}

int generator_run(struct generator *g)
{
	struct client *client = &g->client;
	sigset_t signals;
	int exit_code;

	client->count = client->set.connections;
	tuple_space_init(&client->tuples, &client->set.source, client->set.sources, client->set.seed);
	g->random = client->set.seed;
	g->total = (uint64_t)((double)client->set.duration_ns / (double)NS_PER_S * client->set.rate);
	client->set.interval_ns = (uint64_t)((double)client->count / client->set.rate * (double)NS_PER_S);
	allocate_buffers(g);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	out_init();
	exit_code = open_sockets(g);
	if (exit_code)
		return exit_code;
	client->start_ns = now_ns();
	events_start(client);
	loop(g, signalfd(-1, &signals, SFD_CLOEXEC));
	finish(g);
	return 0;
}
