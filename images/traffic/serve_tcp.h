// SPDX-License-Identifier: Apache-2.0
/* TCP services: tell one's name (mconnect's wire format), and echo with the name over the start (ctraffic's).
 */
#ifndef TRAFFIC_SERVE_TCP_H
#define TRAFFIC_SERVE_TCP_H

#include "server.h"

void tcp_accept(struct worker *worker, enum service service, int listen_fd);
void tcp_peer_ready(struct worker *worker, enum service service, int fd, uint32_t events);

#endif
