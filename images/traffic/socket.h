// SPDX-License-Identifier: Apache-2.0
/* The socket of a connection, bound to a 5-tuple of the seed. */
#ifndef TRAFFIC_SOCKET_H
#define TRAFFIC_SOCKET_H

#include "state.h"

/* The 5-tuples, and which connections are of this part, from sources that this machine has: their number. */
void socket_tuples(struct client *client);
/* 0 or an errno; needs socket_close either way. */
int socket_open(struct client *client, struct connection *c);
void socket_close(struct connection *c);

#endif
