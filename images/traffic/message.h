// SPDX-License-Identifier: Apache-2.0
/* What goes over a connection: the schedule and what is sent (message.c); echoes, answers and names (answer.c). */
#ifndef TRAFFIC_MESSAGE_H
#define TRAFFIC_MESSAGE_H

#include "state.h"

/* The cause is why the connection must end, or CAUSE_NONE. */
enum cause message_send(struct client *client, struct connection *c, uint64_t now);
enum cause message_read(struct client *client, struct connection *c, uint32_t events, uint64_t now);
/* When a message is due; closed loop: when the one under way was. */
uint64_t message_due_ns(const struct client *client, const struct connection *c, uint32_t message);
/* When the last message was due, which is answered; NEVER_NS: it is not, or there is no plan. */
uint64_t message_planned_end_ns(const struct client *client, const struct connection *c);
/* Whose messages these are: generation and number of the connection. */
uint64_t message_tag(const struct client *client, const struct connection *c);
/* Whether messages have room for a whole mark. */
bool message_is_marked(const struct client *client);
/* When the next message is due, NEVER_NS if none is or there is no room for it. */
uint64_t message_next_ns(const struct client *client, const struct connection *c);
/* Since when an answer has been missing: later of due time and last progress; NEVER_NS if none is to come. */
uint64_t message_waiting_ns(const struct client *client, const struct connection *c);
/* The generator's own lateness: not for what had to wait for the network. */
void message_note_late(struct client *client, uint64_t due, uint64_t now);
/* An answer was late, or never came. */
void message_note_missed(struct client *client, uint64_t due, uint64_t since, uint64_t now);
/* Those before `until` that have no answer are not waited for any more. */
void message_missed(struct client *client, const struct connection *c, uint32_t until, uint64_t now);
void message_gap(const struct client *client, struct connection *c, uint64_t now);

#endif
