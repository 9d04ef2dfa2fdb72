// SPDX-License-Identifier: Apache-2.0
#include "connection.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "events.h"
#include "message.h"
#include "originals.h"
#include "sctp.h"
#include "socket.h"

#define FIRST_BACKOFF_MS 10
#define LAST_BACKOFF_MS 1000
#define UDP_RETRY_NS NS_PER_MS
#define MOST_OPENING 32

static uint64_t deadline_ns(const struct client *client, const struct connection *c)
{
	if (c->state == STATE_OPENING)
		return c->opened_ns + client->set.timeout_ns;
	uint64_t waiting = message_waiting_ns(client, c);
	if (!client->set.stall_ns || waiting == NEVER_NS)
		return NEVER_NS;
	return waiting + client->set.stall_ns;
}

/* Answers move the deadline, but later only: it is looked at again when the old one has come. */
static void arm(struct client *client, const struct connection *c, uint64_t now)
{
	uint64_t due = message_next_ns(client, c), deadline = deadline_ns(client, c);

	if (client->set.udp && !c->writable)
		due = now + UDP_RETRY_NS; /* see watch() in socket.c */
	if (deadline < due)
		due = deadline;
	if (due == NEVER_NS)
		wheel_cancel(&client->wheel, connection_index(client, c));
	else
		wheel_set(&client->wheel, connection_index(client, c), due);
}

/* TCP: the connection itself is the question. mconnect's UDP server answers whatever it gets. */
static enum cause ask_name(struct client *client, struct connection *c)
{
	if (client->set.udp && send(c->fd, "", 1, MSG_NOSIGNAL) < 0)
		return cause_of_errno(errno);
	c->sent = 1;
	client->totals.sent++;
	client->outstanding++;
	return CAUSE_NONE;
}

static enum cause start(struct client *client, struct connection *c, uint64_t now)
{
	int error = socket_open(client, c);

	if (error)
		return cause_of_errno(error);
	if (client->set.mode == MODE_CONNECT)
		return ask_name(client, c);
	return message_send(client, c, now); /* UDP; TCP waits for its handshake */
}

/* With --hold there are very many, which must not pile up where the network cannot take them as fast as they
 * are due. */
bool connection_room(const struct client *client)
{
	const struct settings *set = &client->set;

	if (set->mode == MODE_CONNECT)
		return client->opening < set->concurrent;
	return !set->hold || client->opening < MOST_OPENING;
}

void connection_open(struct client *client, struct connection *c, uint64_t now)
{
	/* The first time the schedule says when; a late start must not hide in the latency. */
	uint64_t due = c->generation == 0 && c->first_due_ns ? c->first_due_ns : now;

	*c = (struct connection){.first_due_ns = due,
				 .opened_ns = now,
				 .progress_ns = due,
				 .generation = c->generation,
				 .backoff_ms = c->backoff_ms,
				 .host = NO_HOST,
				 .moved_to = NO_HOST,
				 .state = STATE_OPENING,
				 .writable = client->set.udp,
				 .overdue = true};
	client->opening++;
	if (client->set.mode == MODE_STREAM)
		message_note_late(client, due, now);
	enum cause cause = start(client, c, now);
	if (cause)
		connection_end(client, c, cause, now);
	else
		arm(client, c, now);
}

/* What TCP knows of a connection: whether its handshake was done, and how often it sent again. */
static struct tcp_info tcp_facts(const struct connection *c)
{
	struct tcp_info info = {0};
	socklen_t length = sizeof(info);

	if (c->fd >= 0)
		getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &length);
	return info;
}

void connection_row(struct client *client, const struct connection *c, enum cause cause, uint64_t now)
{
	const uint64_t planned_ns = cause ? NEVER_NS : message_planned_end_ns(client, c);
	struct row row = {.id = connection_id(client, connection_index(client, c)),
			  .generation = c->generation,
			  .cause = (uint8_t)cause,
			  .port = c->port,
			  .host = c->host,
			  .moved_to = c->moved_to,
			  .offset = c->offset,
			  .start_us = since_start(client, c->opened_ns),
			  .established_us =
				  c->established_ns ? since_start(client, c->established_ns) : NEVER,
			  .end_us = since_start(client, planned_ns < now ? planned_ns : now),
			  .longest_gap_us = c->longest_gap,
			  .sent = c->sent,
			  .received = c->received,
			  .progress_us = since_start(client, c->progress_ns)};

	if (client->set.mode == MODE_STREAM && client->set.sctp)
		row.retransmits = sctp_resent(c->fd);
	else if (client->set.mode == MODE_STREAM && !client->set.udp)
		row.retransmits = tcp_facts(c).tcpi_total_retrans;
	troubles_of(client, c)->resent += row.retransmits;
	if (client->set.udp)
		troubles_of(client, c)->unanswered += c->sent - c->received;
	if (client->set.output >= OUTPUT_CTRAFFIC)
		originals_row(client, &row);
	else if (client->set.output == OUTPUT_NDJSON && client->set.rows)
		events_row(client, &row, now);
}

static void count_end(struct client *client, struct connection *c, enum cause cause)
{
	if (c->state == STATE_LIVE) {
		client->alive--;
		if (c->host != NO_HOST)
			client->hosts.list[c->host].live--;
		client->totals.lost[cause]++;
		client->totals.lost_all += cause != CAUSE_NONE;
		return;
	}
	client->opening--;
	/* Refused and unreachable come from the handshake; a timeout may have struck before or after it. */
	bool reached =
		cause == CAUSE_EOF || cause == CAUSE_RESET ||
		(cause == CAUSE_TIMEOUT && !client->set.udp && !client->set.sctp && tcp_facts(c).tcpi_state != TCP_SYN_SENT);
	client->totals.failed_connects++;
	client->totals.failed_reads += reached;
	connection_settled(client, c, false);
}

/* After 10 ms, then twice as long each time it could not be established or had to wait, up to a second. */
static void schedule_again(struct client *client, struct connection *c, uint64_t now)
{
	uint32_t backoff = c->backoff_ms ? c->backoff_ms * 2u : FIRST_BACKOFF_MS;

	c->backoff_ms = (uint16_t)(backoff < LAST_BACKOFF_MS ? backoff : LAST_BACKOFF_MS);
	wheel_set(&client->wheel, connection_index(client, c), now + c->backoff_ms * NS_PER_MS);
}

void connection_end(struct client *client, struct connection *c, enum cause cause, uint64_t now)
{
	message_gap(client, c, now);
	if (c->state == STATE_LIVE)
		message_missed(client, c, c->sent, now);
	connection_row(client, c, cause, now);
	count_end(client, c, cause);
	client->outstanding -= (int64_t)c->sent - c->answered;
	if (client->set.sctp && cause)
		sctp_abort(c->fd);
	socket_close(c);
	wheel_cancel(&client->wheel, connection_index(client, c));
	c->state = STATE_DONE;
	if (!cause || !client->set.reconnect || now >= client->end_ns || c->generation == UINT16_MAX)
		return;
	c->generation++; /* a fresh tuple */
	c->state = STATE_IDLE;
	schedule_again(client, c, now);
}

void connection_timer(struct client *client, struct connection *c, uint64_t now)
{
	enum cause cause;

	if (c->state == STATE_IDLE) {
		if (now < client->end_ns && connection_room(client))
			connection_open(client, c, now);
		else if (now < client->end_ns)
			schedule_again(client, c, now);
		return;
	}
	if (client->set.udp)
		c->writable = true;
	if (deadline_ns(client, c) <= now)
		cause = c->state == STATE_OPENING ? CAUSE_TIMEOUT : CAUSE_STALLED;
	else
		cause = message_send(client, c, now);
	if (cause)
		connection_end(client, c, cause, now);
	else
		arm(client, c, now);
}

/*
 * Where ICMP errors come in great numbers, the kernel now and then tells of one that it no longer has: an attempt goes
 * on then, to its answer or its time-out.
 */
static enum cause socket_error(const struct connection *c)
{
	socklen_t length = sizeof(int);
	int error = 0;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error)
		return cause_of_errno(error);
	return c->state == STATE_OPENING ? CAUSE_NONE : CAUSE_RESET;
}

void connection_ready(struct client *client, struct connection *c, uint32_t events, uint64_t now)
{
	uint8_t state = c->state;
	bool was_writable = c->writable;
	enum cause cause;

	if (events & EPOLLERR) {
		cause = socket_error(c);
	} else {
		if (events & EPOLLOUT)
			c->writable = true;
		cause = events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP) ? message_read(client, c, events, now)
								   : CAUSE_NONE;
		/* Sent here: the first message, what waited for room, and in closed loop the next one. */
		if (!cause && (c->writable != was_writable || client->set.closed_loop))
			cause = message_send(client, c, now);
	}
	bool finished = !cause && c->state == STATE_LIVE &&
			(client->set.mode == MODE_CONNECT ? !client->set.keep
							  : message_planned_end_ns(client, c) != NEVER_NS);
	if (cause || finished)
		connection_end(client, c, cause, now);
	else if (c->state != state || c->writable != was_writable)
		arm(client, c, now);
}
