// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "message.h"
#include "window.h"

/* One answer has come in whole. */
static void answered(struct client *client, struct connection *c, uint32_t message, uint64_t now)
{
	uint64_t due = message_due_ns(client, c, message);

	const uint64_t took = now > due ? now - due : 0;

	message_note_missed(client, due, c->progress_ns, now);
	client->hist[hist_bucket(took / NS_PER_US)]++;
	troubles_of(client, c)->integrity.late += client->set.late_ns && took > client->set.late_ns;
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

/* Servers leave what we sent, which is nothing, or write their name over each message. */
static bool name_is_right(const struct client *client, const struct connection *c, const char *bytes,
			  size_t count)
{
	if (c->answered == 0 || c->host == NO_HOST || bytes_are_zero(bytes, count))
		return true;
	return !strncmp(bytes, client->hosts.list[c->host].name + c->in_bytes, count);
}

/* A whole mark of another message than the next one tells which. */
static bool mark_is_right(struct client *client, const struct connection *c, const char *bytes, size_t count)
{
	const struct mark next = mark_make(message_tag(client, c), c->answered, client->set.message_bytes);
	struct integrity *counts = &troubles_of(client, c)->integrity;
	struct mark mark;

	if (!memcmp(bytes, (const char *)&next + c->in_bytes - MARK_AT, count))
		return true;
	if (count != MARK_BYTES || mark_read(bytes, &mark) != MARK_GOOD || mark.tag != next.tag)
		return false;
	counts->duplicates += mark.sequence < c->answered;
	counts->reordered += mark.sequence > c->answered;
	return true;
}

/* To read it takes the echo's bytes from another CPU's cache, which is most of what it costs. */
static bool looks_at(const struct client *client, const struct connection *c)
{
	return message_is_marked(client) && c->answered % client->set.check == 0;
}

/* Takes some of the echo under way, up to its end at most; returns how many bytes. */
static size_t take_echo(struct client *client, struct connection *c, const char *bytes, size_t count)
{
	const uint32_t at = c->in_bytes, size = client->set.message_bytes;
	const bool looks = looks_at(client, c);
	const uint32_t end = !looks ? size : at < MARK_AT ? MARK_AT : at < CONTENT_AT ? CONTENT_AT : size;
	const size_t part = count < end - at ? count : end - at;

	if (!looks)
		;
	else if (at < MARK_AT)
		c->wrong |= !name_is_right(client, c, bytes, part);
	else if (at < CONTENT_AT)
		c->wrong |= !mark_is_right(client, c, bytes, part);
	else
		c->wrong |= !content_is_whole(bytes, at, part);
	c->in_bytes += (uint32_t)part;
	return part;
}

static void take_echoes(struct client *client, struct connection *c, const char *bytes, size_t count,
			uint64_t now)
{
	for (size_t part; count; bytes += part, count -= part) {
		part = take_echo(client, c, bytes, count);
		if (c->in_bytes < client->set.message_bytes)
			continue;
		troubles_of(client, c)->integrity.checked += looks_at(client, c);
		troubles_of(client, c)->integrity.corrupt += c->wrong;
		c->wrong = false;
		c->in_bytes = 0;
		answered(client, c, c->answered, now);
		c->answered++;
		client->outstanding--;
	}
}

static enum cause read_echoes(struct client *client, struct connection *c, uint32_t events, uint64_t now)
{
	for (;;) {
		/* In closed loop there is one echo at a time. MSG_TRUNC throws the bytes away inside the
		 * kernel. */
		const bool discard = client->set.closed_loop && !looks_at(client, c);
		ssize_t count = recv(c->fd, client->echo, ECHO_BYTES, discard ? MSG_TRUNC : 0);

		if (count < 0)
			return errno == EAGAIN ? CAUSE_NONE : cause_of_errno(errno);
		if (count == 0)
			return CAUSE_EOF;
		take_echoes(client, c, client->echo, (size_t)count, now);
		/* Of TCP a short read has emptied the buffer; the edge has to be used up only if the peer has closed
		 * too. */
		if (count < ECHO_BYTES && !client->set.sctp && !(events & (EPOLLRDHUP | EPOLLHUP)))
			return CAUSE_NONE;
	}
}

/* Whether the name over the start of an answer is that of the target that answered first. */
static bool same_target(const struct client *client, const struct connection *c, const char *header)
{
	return c->host != NO_HOST && !strncmp(header, client->hosts.list[c->host].name, HOST_NAME_BYTES);
}

/* Whether it is as it was sent, but for the name, which ends with a NUL. */
static bool answer_is_whole(const char *answer, size_t bytes)
{
	const size_t name = strnlen(answer, HOST_NAME_BYTES);
	struct mark mark;

	return mark_read(answer + MARK_AT, &mark) == MARK_GOOD && mark.bytes == bytes &&
	       bytes_are_zero(answer + name, HOST_NAME_BYTES - name) &&
	       content_is_whole(answer + CONTENT_AT, CONTENT_AT, bytes - CONTENT_AT);
}

/* One that cannot be told from those of another program is none; else it is damaged, whosever it was. */
static void count_stray(struct integrity *counts, const char *answer, size_t bytes)
{
	struct mark mark;
	const enum mark_state state = bytes < CONTENT_AT ? MARK_NONE : mark_read(answer + MARK_AT, &mark);

	if (state == MARK_NONE || (state == MARK_GOOD && mark.bytes == bytes))
		return; /* or an answer to an earlier owner of this 5-tuple */
	counts->checked++;
	counts->corrupt++;
}

static enum cause read_answer(struct client *client, struct connection *c, uint64_t now)
{
	const char *answer = client->echo;
	struct integrity *counts;
	ssize_t count = recv(c->fd, client->echo, ECHO_BYTES, 0);
	uint64_t tag = 0, sequence = 0;

	if (count < 0)
		return errno == EAGAIN ? CAUSE_NONE : cause_of_errno(errno);
	if (count >= MIN_UDP_MESSAGE) {
		memcpy(&tag, answer + HOST_NAME_BYTES, sizeof(tag));
		memcpy(&sequence, answer + HOST_NAME_BYTES + sizeof(tag), sizeof(sequence));
	}
	if ((uint64_t)count != client->set.message_bytes || tag != message_tag(client, c) || sequence >= c->sent) {
		count_stray(&troubles_of(client, c)->integrity, answer, (size_t)count);
		return CAUSE_NONE;
	}
	if (c->state == STATE_OPENING)
		connection_established(client, c, hosts_index(&client->hosts, answer, HOST_NAME_BYTES), now);
	if (!same_target(client, c, answer)) {
		c->moved_to = hosts_index(&client->hosts, answer, HOST_NAME_BYTES);
		return CAUSE_WRONG_TARGET;
	}
	counts = &troubles_of(client, c)->integrity;
	if (message_is_marked(client)) {
		counts->checked++;
		counts->corrupt += !answer_is_whole(answer, (size_t)count);
	}
	uint32_t next = c->answered;
	if (!window_accept(&c->seen, &next, (uint32_t)sequence)) {
		counts->duplicates++;
		return CAUSE_NONE;
	}
	counts->reordered += sequence + 1 < c->answered;
	if (sequence > c->answered)
		message_missed(client, c, (uint32_t)sequence, now);
	answered(client, c, (uint32_t)sequence, now);
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
