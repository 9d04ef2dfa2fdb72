// SPDX-License-Identifier: Apache-2.0
/* The life of a connection: opened, established, ended, and with --reconnect opened again. */
#ifndef TRAFFIC_CONNECTION_H
#define TRAFFIC_CONNECTION_H

#include "state.h"

/* Whether one more may wait for its first answer. */
bool connection_room(const struct client *client);
void connection_open(struct client *client, struct connection *c, uint64_t now);
/* With CAUSE_NONE it ends as planned. */
void connection_end(struct client *client, struct connection *c, enum cause cause, uint64_t now);
void connection_timer(struct client *client, struct connection *c, uint64_t now);
void connection_ready(struct client *client, struct connection *c, uint32_t events, uint64_t now);
/* Writes the row of a connection that lives, or was just ended. */
void connection_row(struct client *client, const struct connection *c, enum cause cause, uint64_t now);

#endif
