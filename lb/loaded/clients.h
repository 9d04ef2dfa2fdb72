// SPDX-License-Identifier: Apache-2.0
/*
 * Which client has which target: an entry for each source address, forgotten when it was silent for too long.
 * In 64 parts with a lock each, so that queues seldom wait for each other. At its bound it takes no new
 * client: a flood of made-up sources must not push out those that are served.
 */
#ifndef LOADED_CLIENTS_H
#define LOADED_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "targets.h"

struct clients;

enum client_outcome {
	CLIENT_KNOWN,
	CLIENT_NEW,
	CLIENT_MOVED,	  /* its target has left */
	CLIENT_NO_TARGET, /* none is active */
	CLIENT_NO_ROOM,
};

/* At most `limit` entries. NULL: no memory. */
struct clients *clients_open(struct targets *targets, uint32_t limit, uint32_t idle_ms);

void clients_close(struct clients *clients);

/* The target of an address that has just sent, at a time in ms. */
enum client_outcome clients_take(struct clients *clients, const uint8_t address[16], uint32_t now_ms,
				 uint32_t *target);

/* The target of an address; NO_TARGET: it is not known. That is no sign of life. */
uint32_t clients_target(struct clients *clients, const uint8_t address[16]);

/* Forgets those whose target has left for good; returns how many. */
uint32_t clients_forget_gone(struct clients *clients);

/* Forgets those that were silent for too long; returns how many. */
uint32_t clients_expire(struct clients *clients, uint32_t now_ms);

uint32_t clients_count(const struct clients *clients);

#endif
