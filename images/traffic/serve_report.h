// SPDX-License-Identifier: Apache-2.0
/* What a server writes to stdout. */
#ifndef TRAFFIC_SERVE_REPORT_H
#define TRAFFIC_SERVE_REPORT_H

#include "server.h"
#include "serve_sockets.h"

void report_listening(const struct server *server, const struct serve_options *options);

/* Of all processes together. */
void report_served(const struct counts *counts, uint32_t processes);

/* That this process lives, and since when it did not: readers see it by the times. One line at a time, so
 * that those of several processes do not mix. */
void report_heartbeat(const struct worker *worker, int fd);

#endif
