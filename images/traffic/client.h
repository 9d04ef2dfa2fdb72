// SPDX-License-Identifier: Apache-2.0
#ifndef TRAFFIC_CLIENT_H
#define TRAFFIC_CLIENT_H

struct settings;

/* Opens the connections, keeps them going, and tells of them; returns the exit code. */
int client_run(const struct settings *settings);

#endif
