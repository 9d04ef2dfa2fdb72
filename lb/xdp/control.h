// SPDX-License-Identifier: Apache-2.0
/* What `set`, `show` and `stats` ask the balancer that runs. */
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

/* Answers one caller. */
void control_serve(int listener, struct balancer *balancer);

/* The answer, to be freed; fails with a sentence. */
char *control_ask(const char *name, const struct control_message *message);

#endif
