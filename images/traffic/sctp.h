// SPDX-License-Identifier: Apache-2.0
/* What the kernel's SCTP needs besides sockets of one-to-one style, which are used like those of TCP (RFC 6458, section 4). */
#ifndef TRAFFIC_SCTP_H
#define TRAFFIC_SCTP_H

#include "parse.h"

#define SCTP_TYPE (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)

/* Messages leave at once; `heartbeat_ns`: between heartbeats on each idle path, 0: the kernel's own. Accepted sockets inherit both. */
void sctp_tune(int fd, uint64_t heartbeat_ns);

/* One more address of a socket that is bound, with its port. Paths to and from it follow. Returns 0 or an errno. */
int sctp_bind_more(int fd, const union address *address);

/* DATA chunks that were sent again. */
uint32_t sctp_resent(int fd);

/* Closing it ends the association at once: what is not acknowledged would be sent again for a minute, after the load. */
void sctp_abort(int fd);

#endif
