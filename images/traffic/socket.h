// SPDX-License-Identifier: Apache-2.0
/* The socket of a connection, bound to a 5-tuple of the seed. */
#ifndef TRAFFIC_SOCKET_H
#define TRAFFIC_SOCKET_H

#include "state.h"

/* 0 or an errno; needs socket_close either way. */
int socket_open(struct client *client, struct connection *c);
void socket_close(struct connection *c);

#endif
