// SPDX-License-Identifier: Apache-2.0
#include "message.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "window.h"

#define LATE_NS (50 * NS_PER_MS)
#define DISCARD_BYTES (1 << 20)

/* With --hold: from the end of the ramp on the second messages are spread over one interval, in the order of
 * the first ones. */
static uint64_t held_ns(const struct client *client, const struct connection *c)
{
	const struct settings *set = &client->set;

	uint64_t since = c->first_due_ns - client->start_ns;

	if (!set->hold || c->generation || set->ramp_ns <= set->interval_ns || since >= set->ramp_ns)
		return 0;
	double left = 1 - (double)since / (double)set->ramp_ns;
	return (uint64_t)((double)(set->ramp_ns - set->interval_ns) * left);
}

static uint64_t due_ns(const struct client *client, const struct connection *c, uint32_t message)
{
	uint64_t later = message ? message * client->set.interval_ns + held_ns(client, c) : 0;

	return c->first_due_ns + later; /* closed loop: the interval is 0 */
}

static bool message_exists(const struct client *client, const struct connection *c, uint32_t message)
{
	if (client->set.closed_loop)
		return true;
	return (message == 0 || client->set.interval_ns) && due_ns(client, c, message) < client->end_ns;
}

uint64_t message_next_ns(const struct client *client, const struct connection *c)
{
	if (!c->writable || client->set.mode == MODE_CONNECT || client->set.closed_loop ||
	    !message_exists(client, c, c->sent))
		return NEVER_NS;
	return due_ns(client, c, c->sent);
}

uint64_t message_waiting_ns(const struct client *client, const struct connection *c)
{
	bool expected =
		client->set.closed_loop ? c->sent > c->answered : message_exists(client, c, c->answered);
	uint64_t due = due_ns(client, c, c->answered);

	if (!expected)
		return NEVER_NS;
	return due > c->progress_ns ? due : c->progress_ns;
}

void message_gap(const struct client *client, struct connection *c, uint64_t now)
{
	uint64_t since = message_waiting_ns(client, c);
	uint64_t gap_us = since < now ? (now - since) / NS_PER_US : 0;

	if (gap_us > c->longest_gap_us)
		c->longest_gap_us = gap_us < UINT32_MAX ? (uint32_t)gap_us : UINT32_MAX;
}

static bool must_send(const struct client *client, const struct connection *c, uint64_t now)
{
	if (c->out_bytes)
		return true; /* half a message would spoil the count of its successors */
	if (client->set.closed_loop)
		return c->sent == c->answered && now < client->end_ns;
	return message_exists(client, c, c->sent) && due_ns(client, c, c->sent) <= now;
}

void message_note_late(struct client *client, uint64_t due, uint64_t now)
{
	uint64_t late = now > due ? now - due : 0;

	if (late > LATE_NS)
		client->totals.late_sends++;
	if (late > client->max_late_ns)
		client->max_late_ns = late;
	if (late > client->max_late_sample_ns)
		client->max_late_sample_ns = late;
}

static uint64_t tag_of(const struct client *client, const struct connection *c)
{
	return (uint64_t)c->generation << 32 | connection_id(client, connection_index(client, c));
}

static void write_tag(const struct client *client, const struct connection *c)
{
	uint64_t tag = htole64(tag_of(client, c));
	uint64_t sequence = htole64(c->sent);

	memcpy(client->message + HOST_NAME_BYTES, &tag, sizeof(tag));
	memcpy(client->message + HOST_NAME_BYTES + sizeof(tag), &sequence, sizeof(sequence));
}

enum cause message_send(struct client *client, struct connection *c, uint64_t now)
{
	uint32_t bytes = client->set.message_bytes;

	if (client->set.mode == MODE_CONNECT)
		return CAUSE_NONE;
	while (c->writable && must_send(client, c, now)) {
		if (client->set.closed_loop && !c->out_bytes)
			c->first_due_ns = now;
		if (!c->overdue && !c->out_bytes)
			message_note_late(client, due_ns(client, c, c->sent), now);
		if (client->set.udp)
			write_tag(client, c);
		ssize_t count =
			send(c->fd, client->message + c->out_bytes, bytes - c->out_bytes, MSG_NOSIGNAL);
		if (count < 0 && errno == EAGAIN) {
			c->writable = false;
			c->overdue = true;
			break;
		}
		if (count < 0)
			return cause_of_errno(errno);
		c->out_bytes += (uint32_t)count;
		if (c->out_bytes < bytes)
			continue;
		c->out_bytes = 0;
		c->sent++;
		client->totals.sent++;
		client->outstanding++;
	}
	if (c->writable)
		c->overdue = false; /* caught up */
	return CAUSE_NONE;
}

/* One answer has come in whole. */
static void answered(struct client *client, struct connection *c, uint32_t message, uint64_t now)
{
	uint64_t due = due_ns(client, c, message);

	client->hist[hist_bucket(now > due ? (now - due) / NS_PER_US : 0)]++;
	message_gap(client, c, now);
	c->progress_ns = now;
	c->received++;
	client->totals.received++;
}

/*
 * The name stands in the first 64 bytes. They are looked at, not taken, until all are there, so nothing has
 * to be kept for a connection whose first segment was cut.
 */
static enum cause read_header(struct client *client, struct connection *c, uint32_t events, uint64_t now)
{
	char header[HOST_NAME_BYTES];
	ssize_t count = recv(c->fd, header, sizeof(header), MSG_PEEK);

	if (count < 0)
		return errno == EAGAIN ? CAUSE_NONE : cause_of_errno(errno);
	if (count < HOST_NAME_BYTES)
		return count == 0 || events & EPOLLRDHUP ? CAUSE_EOF : CAUSE_NONE;
	connection_established(client, c, hosts_index(&client->hosts, header, sizeof(header)), now);
	return CAUSE_NONE;
}

static enum cause read_echoes(struct client *client, struct connection *c, uint32_t events, uint64_t now)
{
	for (;;) {
		/* MSG_TRUNC on TCP throws the bytes away inside the kernel: their number is all that matters.
		 */
		ssize_t count = recv(c->fd, NULL, DISCARD_BYTES, MSG_TRUNC);

		if (count < 0)
			return errno == EAGAIN ? CAUSE_NONE : cause_of_errno(errno);
		if (count == 0)
			return CAUSE_EOF;
		c->in_bytes += (uint32_t)count;
		for (; c->in_bytes >= client->set.message_bytes; c->in_bytes -= client->set.message_bytes) {
			answered(client, c, c->answered, now);
			c->answered++;
			client->outstanding--;
		}
		/* A short read has emptied the buffer; the edge has to be used up only if the peer has closed
		 * too. */
		if (count < DISCARD_BYTES && !(events & (EPOLLRDHUP | EPOLLHUP)))
			return CAUSE_NONE;
	}
}

/* Whether the name over the start of an answer is that of the target that answered first. */
static bool same_target(const struct client *client, const struct connection *c, const char *header)
{
	return c->host != NO_HOST && !strncmp(header, client->hosts.list[c->host].name, HOST_NAME_BYTES);
}

static enum cause read_answer(struct client *client, struct connection *c, uint64_t now)
{
	char header[MIN_UDP_MESSAGE];
	/* Here MSG_TRUNC only asks for the real length; the rest of the datagram is dropped without a copy.
	 */
	ssize_t count = recv(c->fd, header, sizeof(header), MSG_TRUNC);
	uint64_t tag, sequence;

	if (count < 0)
		return errno == EAGAIN ? CAUSE_NONE : cause_of_errno(errno);
	if ((uint64_t)count != client->set.message_bytes)
		return CAUSE_NONE; /* not ours */
	memcpy(&tag, header + HOST_NAME_BYTES, sizeof(tag));
	memcpy(&sequence, header + HOST_NAME_BYTES + sizeof(tag), sizeof(sequence));
	if (le64toh(tag) != tag_of(client, c) || le64toh(sequence) >= c->sent)
		return CAUSE_NONE; /* an answer to an earlier owner of this 5-tuple */
	if (c->state == STATE_OPENING)
		connection_established(client, c, hosts_index(&client->hosts, header, HOST_NAME_BYTES), now);
	if (!same_target(client, c, header)) {
		c->moved_to = hosts_index(&client->hosts, header, HOST_NAME_BYTES);
		return CAUSE_WRONG_TARGET;
	}
	uint32_t next = c->answered;
	if (!window_accept(&c->seen, &next, (uint32_t)le64toh(sequence)))
		return CAUSE_NONE;
	answered(client, c, (uint32_t)le64toh(sequence), now);
	client->outstanding -= next - c->answered;
	c->answered = next;
	return CAUSE_NONE;
}

/* mconnect's wire: the name, and then nothing until we close. */
static enum cause read_name(struct client *client, struct connection *c, uint64_t now)
{
	char name[HOST_NAME_BYTES];
	ssize_t count = recv(c->fd, name, sizeof(name), 0);

	if (count < 0)
		return errno == EAGAIN ? CAUSE_NONE : cause_of_errno(errno);
	if (count == 0)
		return CAUSE_EOF;
	if (c->state == STATE_OPENING) {
		connection_established(client, c, hosts_index(&client->hosts, name, (size_t)count), now);
		answered(client, c, 0, now);
		c->answered = 1;
		client->outstanding--;
	}
	return CAUSE_NONE;
}

enum cause message_read(struct client *client, struct connection *c, uint32_t events, uint64_t now)
{
	if (client->set.mode == MODE_CONNECT)
		return read_name(client, c, now);
	if (client->set.udp)
		return read_answer(client, c, now);
	if (c->state == STATE_OPENING) {
		enum cause cause = read_header(client, c, events, now);

		if (cause || c->state == STATE_OPENING)
			return cause;
	}
	return read_echoes(client, c, events, now);
}
