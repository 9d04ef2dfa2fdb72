// SPDX-License-Identifier: Apache-2.0
/*
 * Timing wheel of two levels: at most one timer per id, set, moved, cancelled and taken in constant time.
 * Ticks of 131 us. Timers of the turn under way (8.6 s) have a slot for each tick; those of later turns wait in a
 * slot for each turn, so that they wake nobody before.
 */
#ifndef TRAFFIC_WHEEL_H
#define TRAFFIC_WHEEL_H

#include <stdint.h>

#define WHEEL_NONE UINT32_MAX
#define WHEEL_TICK_BITS 17
#define WHEEL_TURN_BITS 16 /* of ticks */
#define WHEEL_SLOTS (1u << WHEEL_TURN_BITS)
#define WHEEL_TURNS 512u

struct wheel_timer {
	uint64_t due_ns;
	uint32_t next, previous;
	uint32_t slot; /* WHEEL_NONE: not set */
};

struct wheel {
	struct wheel_timer *timers; /* by id */
	uint64_t tick;		    /* all earlier ticks have been taken */
	uint32_t *heads;	    /* by slot: WHEEL_SLOTS of ticks, then WHEEL_TURNS of turns */
	uint64_t *used;		    /* one bit per tick's slot */
	uint64_t summary[WHEEL_SLOTS / 64 / 64];
	uint32_t count;
};

void wheel_init(struct wheel *wheel, uint32_t ids, uint64_t now_ns);
void wheel_free(struct wheel *wheel);
void wheel_set(struct wheel *wheel, uint32_t id, uint64_t due_ns);
void wheel_cancel(struct wheel *wheel, uint32_t id);
/* The id of a timer that is due, which is no longer set then, or WHEEL_NONE. Due times order by tick. */
uint32_t wheel_take(struct wheel *wheel, uint64_t now_ns);
/* When to call wheel_take next: never later than a tick after the first timer is due, and where none is due in
 * this turn, at the next one's start. UINT64_MAX without timers. */
uint64_t wheel_next_ns(const struct wheel *wheel);

#endif
