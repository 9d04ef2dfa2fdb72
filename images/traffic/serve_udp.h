// SPDX-License-Identifier: Apache-2.0
/* UDP services, in batches: one system call reads up to 32 datagrams, one answers them. */
#ifndef TRAFFIC_SERVE_UDP_H
#define TRAFFIC_SERVE_UDP_H

#include "server.h"

struct udp_batch *udp_batch_new(void);
void udp_ready(struct worker *worker, enum service service, int fd);

#endif
