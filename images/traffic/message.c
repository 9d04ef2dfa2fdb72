// SPDX-License-Identifier: Apache-2.0
#include "message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "events.h"

#define LATE_NS (50 * NS_PER_MS)

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

/* With a plan the last message is due when the connection is to end, sooner than the interval asks for. */
static uint32_t last_planned(const struct client *client, const struct connection *c)
{
	const struct planned *plan = &client->set.plan[connection_id(client, connection_index(client, c))];
	const uint64_t lasts_ns = (plan->end_us - plan->start_us) * NS_PER_US;
	const uint64_t interval_ns = client->set.interval_ns;

	return interval_ns ? (uint32_t)((lasts_ns + interval_ns - 1) / interval_ns) : lasts_ns > 0;
}

static uint64_t planned_end_ns(const struct client *client, const struct connection *c)
{
	return client->start_ns +
	       client->set.plan[connection_id(client, connection_index(client, c))].end_us * NS_PER_US;
}

uint64_t message_due_ns(const struct client *client, const struct connection *c, uint32_t message)
{
	if (client->set.plan && message >= last_planned(client, c))
		return planned_end_ns(client, c);
	uint64_t later = message ? message * client->set.interval_ns + held_ns(client, c) : 0;

	return c->first_due_ns + later; /* closed loop: the interval is 0 */
}

static bool message_exists(const struct client *client, const struct connection *c, uint32_t message)
{
	if (client->set.closed_loop)
		return true;
	if (client->set.plan && message > last_planned(client, c))
		return false;
	return (message == 0 || client->set.interval_ns || client->set.plan) && message_due_ns(client, c, message) < client->end_ns;
}

uint64_t message_planned_end_ns(const struct client *client, const struct connection *c)
{
	return client->set.plan && c->answered > last_planned(client, c) ? planned_end_ns(client, c) : NEVER_NS;
}

uint64_t message_next_ns(const struct client *client, const struct connection *c)
{
	if (!c->writable || client->set.mode == MODE_CONNECT || client->set.closed_loop ||
	    !message_exists(client, c, c->sent))
		return NEVER_NS;
	return message_due_ns(client, c, c->sent);
}

uint64_t message_waiting_ns(const struct client *client, const struct connection *c)
{
	bool expected =
		client->set.closed_loop ? c->sent > c->answered : message_exists(client, c, c->answered);
	uint64_t due = message_due_ns(client, c, c->answered);

	if (!expected)
		return NEVER_NS;
	return due > c->progress_ns ? due : c->progress_ns;
}

void message_gap(const struct client *client, struct connection *c, uint64_t now)
{
	uint64_t since = message_waiting_ns(client, c);
	uint64_t gap = since < now ? (now - since) / row_unit_ns(client) : 0;

	if (gap > c->longest_gap)
		c->longest_gap = gap < UINT32_MAX ? (uint32_t)gap : UINT32_MAX;
}

static bool must_send(const struct client *client, const struct connection *c, uint64_t now)
{
	if (c->out_bytes)
		return true; /* half a message would spoil the count of its successors */
	if (client->set.closed_loop)
		return c->sent == c->answered && now < client->end_ns;
	return message_exists(client, c, c->sent) && message_due_ns(client, c, c->sent) <= now;
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

uint64_t message_tag(const struct client *client, const struct connection *c)
{
	return (uint64_t)c->generation << 32 | connection_id(client, connection_index(client, c));
}

bool message_is_marked(const struct client *client)
{
	return client->set.check && client->set.message_bytes >= CONTENT_AT;
}

static void write_mark(const struct client *client, const struct connection *c)
{
	const struct mark mark = mark_make(message_tag(client, c), c->sent, client->set.message_bytes);

	if (message_is_marked(client))
		memcpy(client->message + MARK_AT, &mark, sizeof(mark));
	else if (client->set.udp)
		memcpy(client->message + MARK_AT, &mark, TAG_BYTES);
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
			message_note_late(client, message_due_ns(client, c, c->sent), now);
		write_mark(client, c);
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

/*
 * What is due while the one before is unanswered waits behind it, and tells nothing of its own time: `since`, the
 * last sign of life, came later.
 */
void message_note_missed(struct client *client, uint64_t due, uint64_t since, uint64_t now)
{
	const struct settings *set = &client->set;

	if (set->missed && set->output == OUTPUT_NDJSON && now > due && now - due > set->late_ns && since <= due)
		events_missed(client, due, now);
}

void message_missed(struct client *client, const struct connection *c, uint32_t until, uint64_t now)
{
	/* Over TCP the first of them stands for those behind it. */
	const uint32_t end = client->set.udp || until <= c->answered ? until : c->answered + 1;

	for (uint32_t message = c->answered; message < end; message++)
		message_note_missed(client, message_due_ns(client, c, message),
				    client->set.udp ? 0 : c->progress_ns, now);
}
