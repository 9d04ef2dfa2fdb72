// SPDX-License-Identifier: Apache-2.0
/* The sockets that listen: five for each process, on both families where the kernel has both, and two for each SCTP service. */
#ifndef TRAFFIC_SERVE_SOCKETS_H
#define TRAFFIC_SERVE_SOCKETS_H

#include "server.h"

/* Opens those of every process; false after saying on stderr which one failed, and why. */
bool serve_sockets(struct serve_options *options, struct shared_socket (*sockets)[SOCKETS]);

#endif
