// SPDX-License-Identifier: Apache-2.0
/* What `set`, `activate`, `deactivate`, `show` and `stats` ask the balancer that runs. */
#ifndef LOADED_CONTROL_H
#define LOADED_CONTROL_H

#include "balancer.h"
#include "json/text.h"

enum control_request { CONTROL_SET, CONTROL_ACTIVATE, CONTROL_DEACTIVATE, CONTROL_SHOW, CONTROL_STATS };

struct control_message {
	uint32_t request;
	uint32_t keep; /* those that leave keep their clients */
	uint32_t n;
	uint8_t addresses[TARGETS_MAX][16];
};

/* Answers one caller. */
void control_serve(int listener, struct balancer *balancer);

/* The balancer's counters as one JSON line. */
void control_stats(struct balancer *balancer, struct text *text);

/* Adds the addresses of a comma-separated list; exits with a sentence when one is none. */
void control_add(struct control_message *message, const char *list);

/* Prints the answer; fails with a sentence. */
int control_print(const char *name, const struct control_message *message);

#endif
