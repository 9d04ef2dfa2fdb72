// SPDX-License-Identifier: Apache-2.0
/*
 * How `set`, `show` and `stats` reach the balancer: a socket whose name belongs to the network namespace, so
 * that nothing is left in a file system, and which is gone when the balancer is.
 */
#ifndef XDP_CONTROL_H
#define XDP_CONTROL_H

#include "settings.h"

enum control_request { CONTROL_SET, CONTROL_SHOW, CONTROL_STATS };

struct control_message {
	uint32_t request;
	uint32_t n; /* members that follow, for CONTROL_SET */
	struct member members[MAGLEV_N_MAX];
};

struct balancer;

/* Fails with a sentence when a balancer of that name runs already. */
int control_listen(const char *name);

/* Answers one caller. */
void control_serve(int listener, struct balancer *balancer);

/* The answer, to be freed; fails with a sentence. */
char *control_ask(const char *name, const struct control_message *message);

#endif
