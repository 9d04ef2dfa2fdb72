// SPDX-License-Identifier: Apache-2.0
#include "fragments_out.h"

#include <errno.h>
#include <string.h>

#include "datagram.h"

#define SMALL_ENOUGH 6000 /* for a datagram that is not to arrive, and waits at a receiver */

/* What the kernel does not take is lost, and shows as such. */
static void batch_send(struct generator *g)
{
	for (uint32_t from = 0; from < g->batch_n;) {
		int done = sendmmsg(g->packet_fd, g->messages + from, g->batch_n - from, 0);

		if (done < 0 && errno == EINTR)
			continue;
		from += done > 0 ? (uint32_t)done : 1;
	}
	g->batch_n = 0;
}

/* The headers and bytes must stay until the batch is sent. */
static void batch_add(struct generator *g, struct fragment *f, uint8_t *udp)
{
	const uint32_t i = g->batch_n++;
	struct sockaddr_ll *hop = &g->hops.list[random_next(&g->random) % g->hops.n];

	g->pieces[i][0] = (struct iovec){f->header, f->header_bytes};
	g->pieces[i][1] = (struct iovec){udp + f->at, f->bytes};
	g->messages[i].msg_hdr = (struct msghdr){
		.msg_name = hop, .msg_namelen = sizeof(*hop), .msg_iov = g->pieces[i], .msg_iovlen = 2};
	g->fragments++;
	if (g->batch_n == BATCH)
		batch_send(g);
}

/* Fragments of all these datagrams by turns. */
static void send_mixed(struct generator *g, struct outgoing *list, uint32_t n)
{
	for (uint32_t left = n; left > 0;) {
		left = 0;
		for (struct outgoing *o = list; o < list + n; o++) {
			if (o->next == o->count)
				continue;
			batch_add(g, &o->list[o->next++], o->udp);
			left++;
		}
	}
	batch_send(g);
}

void send_held(struct generator *g)
{
	send_mixed(g, g->held, g->held_n);
	g->held_n = 0;
}

/* Sizes as they occur: every eighth is the largest, small ones are more frequent than large ones. */
static uint32_t draw_bytes(struct generator *g, bool incomplete)
{
	const uint64_t draw = random_next(&g->random);
	uint32_t most = g->bytes;

	if (incomplete && most > SMALL_ENOUGH)
		most = SMALL_ENOUGH;
	else if (draw % 8 == 0)
		return most;
	most = SMALLEST + (uint32_t)((draw >> 8) % (most - SMALLEST + 1));
	return SMALLEST + (uint32_t)((draw >> 40) % (most - SMALLEST + 1));
}

static void prepare(struct generator *g, struct outgoing *o, uint32_t flow, uint32_t number)
{
	struct client *client = &g->client;
	struct connection *c = &client->list[flow];
	const union address from = tuple_address(&client->tuples, client->set.address.any.sa_family,
						 (struct tuple){c->offset, c->port});
	const enum pattern pattern = pattern_of(g, flow);
	const bool second = number / client->count % 2;
	const bool incomplete = pattern == PATTERN_HEADLESS ||
				(second && (pattern == PATTERN_GAPS || pattern == PATTERN_OVERLAPPING));
	const struct datagram d = {flow, number, draw_bytes(g, incomplete)};

	datagram_fill(&d, o->udp + UDP_HEADER);
	udp_header_write(o->udp, &from, &client->set.address, d.bytes);
	o->count = fragments_cut(&from, &client->set.address, number, UDP_HEADER + d.bytes, g->mtu, o->list);
	o->count = fragments_arrange(pattern, incomplete, o->list, o->count, &g->random);
	o->next = 0;
	g->sent[number] = (struct sent){.flow = flow, .incomplete = incomplete};
	if (incomplete) {
		g->tallies[pattern].incomplete++;
		return;
	}
	g->tallies[pattern].sent++;
	g->missing++;
	client->totals.sent++;
	c->sent++;
}

/* Datagrams go round all flows. */
void send_next(struct generator *g, uint64_t now)
{
	const uint32_t number = (uint32_t)g->numbered++, flow = number % g->client.count;
	struct connection *c = &g->client.list[flow];

	if (!c->opened_ns)
		c->opened_ns = now;
	if (pattern_of(g, flow) != PATTERN_INTERLEAVED) {
		prepare(g, &g->alone, flow, number);
		send_mixed(g, &g->alone, 1);
		return;
	}
	if (!g->held_n)
		g->held_since_ns = now;
	prepare(g, &g->held[g->held_n++], flow, number);
	if (g->held_n == INTERLEAVED)
		send_held(g);
}
