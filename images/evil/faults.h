// SPDX-License-Identifier: Apache-2.0
/* What is done to frames, and which one is due next. Pure: no clock, and the only chance is a seed's. */
#ifndef EVIL_FAULTS_H
#define EVIL_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MILLION 1000000 /* shares are parts of it */

struct fault_rates {
	uint32_t lost, copied, damaged;
	uint32_t ahead; /* sent without the delay */
	uint64_t delay_ns;
};

struct fate {
	bool lost, copied, damaged;
	uint64_t delay_ns;
};

/* Each fault is drawn for itself; what is lost has no other. */
struct fate fate_draw(const struct fault_rates *rates, uint64_t *random);

/* Whether an Ethernet frame holds an IP packet. */
bool frame_is_ip(const uint8_t *frame, size_t size);

/* Turns one bit of the IP packet over. */
void frame_damage(uint8_t *frame, size_t size, uint64_t *random);

/* Frames that wait, the one that is due first at the top; of those due at the same time the one that came first. */
struct waiting {
	uint64_t due, order;
	void *frame;
};

struct queue {
	struct waiting *list;
	size_t n, room;
	uint64_t orders;
};

void queue_put(struct queue *queue, uint64_t due, void *frame);
/* The one that is due by `now`, or NULL. */
void *queue_take(struct queue *queue, uint64_t now);

#endif
