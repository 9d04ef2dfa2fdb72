/*
 * Timing wheel: at most one timer per id, set, moved, cancelled and taken in constant time.
 * Ticks of 131 us; timers further away than one turn (8.6 s) wait in their slot for another turn.
 */
#ifndef TRAFFIC_WHEEL_H
#define TRAFFIC_WHEEL_H

#include <stdint.h>

#define WHEEL_NONE UINT32_MAX
#define WHEEL_TICK_BITS 17
#define WHEEL_SLOTS 65536u

struct wheel_timer {
	uint64_t due_ns;
	uint32_t next, previous;
	uint32_t slot; /* WHEEL_NONE: not set */
};

struct wheel {
	struct wheel_timer *timers; /* by id */
	uint64_t tick;		    /* all earlier ticks have been taken */
	uint32_t *heads;	    /* by slot */
	uint64_t *used;		    /* one bit per slot */
	uint64_t summary[WHEEL_SLOTS / 64 / 64];
	uint32_t count;
};

void wheel_init(struct wheel *wheel, uint32_t ids, uint64_t now_ns);
void wheel_free(struct wheel *wheel);
void wheel_set(struct wheel *wheel, uint32_t id, uint64_t due_ns);
void wheel_cancel(struct wheel *wheel, uint32_t id);
/* The id of a timer that is due, which is no longer set then, or WHEEL_NONE. Due times order by tick. */
uint32_t wheel_take(struct wheel *wheel, uint64_t now_ns);
/* When to call wheel_take next; UINT64_MAX without timers. May be early by whole turns, never late by more
 * than a tick. */
uint64_t wheel_next_ns(const struct wheel *wheel);

#endif
