// SPDX-License-Identifier: Apache-2.0
#include "wheel.h"

#include <stdbool.h>
#include <string.h>

#include "util/memory.h"

void wheel_init(struct wheel *wheel, uint32_t ids, uint64_t now_ns)
{
	const uint32_t slots = WHEEL_SLOTS + WHEEL_TURNS;

	memset(wheel, 0, sizeof(*wheel));
	wheel->timers = allocate(ids * sizeof(*wheel->timers));
	wheel->heads = allocate(slots * sizeof(*wheel->heads));
	wheel->used = allocate(WHEEL_SLOTS / 8);
	wheel->tick = now_ns >> WHEEL_TICK_BITS;
	for (uint32_t id = 0; id < ids; id++)
		wheel->timers[id].slot = WHEEL_NONE;
	memset(wheel->heads, 0xff, slots * sizeof(*wheel->heads));
}

void wheel_free(struct wheel *wheel)
{
	release(wheel->timers);
	release(wheel->heads);
	release(wheel->used);
}

static void mark_used(struct wheel *wheel, uint32_t slot)
{
	if (slot >= WHEEL_SLOTS)
		return;
	wheel->used[slot / 64] |= 1ULL << (slot % 64);
	wheel->summary[slot / 4096] |= 1ULL << (slot / 64 % 64);
}

static void mark_empty(struct wheel *wheel, uint32_t slot)
{
	const uint32_t word = slot / 64;

	if (slot >= WHEEL_SLOTS)
		return;
	wheel->used[word] &= ~(1ULL << (slot % 64));
	if (!wheel->used[word])
		wheel->summary[word / 64] &= ~(1ULL << (word % 64));
}

void wheel_cancel(struct wheel *wheel, uint32_t id)
{
	struct wheel_timer *timer = &wheel->timers[id];

	if (timer->slot == WHEEL_NONE)
		return;
	if (timer->next != WHEEL_NONE)
		wheel->timers[timer->next].previous = timer->previous;
	if (timer->previous != WHEEL_NONE) {
		wheel->timers[timer->previous].next = timer->next;
	} else {
		wheel->heads[timer->slot] = timer->next;
		if (timer->next == WHEEL_NONE)
			mark_empty(wheel, timer->slot);
	}
	timer->slot = WHEEL_NONE;
	wheel->count--;
}

static uint64_t turn_of(uint64_t tick)
{
	return tick >> WHEEL_TURN_BITS;
}

static uint32_t slot_of_turn(uint64_t turn)
{
	return WHEEL_SLOTS + turn % WHEEL_TURNS;
}

void wheel_set(struct wheel *wheel, uint32_t id, uint64_t due_ns)
{
	struct wheel_timer *timer = &wheel->timers[id];

	wheel_cancel(wheel, id);
	/* Rounded up: a timer is never taken before it is due. One that is late goes into the next tick to be
	 * taken. */
	uint64_t tick = (due_ns + (1ULL << WHEEL_TICK_BITS) - 1) >> WHEEL_TICK_BITS;
	if (tick < wheel->tick)
		tick = wheel->tick;
	uint32_t slot =
		turn_of(tick) == turn_of(wheel->tick) ? tick % WHEEL_SLOTS : slot_of_turn(turn_of(tick));
	uint32_t head = wheel->heads[slot];
	*timer = (struct wheel_timer){.due_ns = due_ns, .next = head, .previous = WHEEL_NONE, .slot = slot};
	if (head != WHEEL_NONE)
		wheel->timers[head].previous = id;
	wheel->heads[slot] = id;
	mark_used(wheel, slot);
	wheel->count++;
}

/* The first used tick's slot at or after `from`; WHEEL_SLOTS when there is none. */
static uint32_t first_used(const struct wheel *wheel, uint32_t from)
{
	const uint32_t words = WHEEL_SLOTS / 64, start = from / 64 + 1;
	uint64_t bits = wheel->used[from / 64] & (~0ULL << (from % 64));

	if (bits)
		return from / 64 * 64 + (uint32_t)__builtin_ctzll(bits);
	if (start == words)
		return WHEEL_SLOTS;
	bits = wheel->summary[start / 64] & (~0ULL << (start % 64));
	for (uint32_t group = start / 64;; bits = wheel->summary[group]) {
		if (bits) {
			uint32_t word = group * 64 + (uint32_t)__builtin_ctzll(bits);

			return word * 64 + (uint32_t)__builtin_ctzll(wheel->used[word]);
		}
		if (++group == words / 64)
			return WHEEL_SLOTS;
	}
}

/* Of a used slot, or else the first of the next turn. */
static uint64_t next_tick(const struct wheel *wheel)
{
	return turn_of(wheel->tick) * WHEEL_SLOTS + first_used(wheel, wheel->tick % WHEEL_SLOTS);
}

uint64_t wheel_next_ns(const struct wheel *wheel)
{
	return wheel->count ? next_tick(wheel) << WHEEL_TICK_BITS : UINT64_MAX;
}

/* Gives the timers of the turn that begins a slot of their own; those that are whole rounds away wait again.
 */
static void begin_turn(struct wheel *wheel)
{
	uint32_t *head = &wheel->heads[slot_of_turn(turn_of(wheel->tick))], id = *head, next;

	*head = WHEEL_NONE;
	for (; id != WHEEL_NONE; id = next) {
		struct wheel_timer *timer = &wheel->timers[id];

		next = timer->next;
		timer->slot = WHEEL_NONE;
		wheel->count--;
		wheel_set(wheel, id, timer->due_ns);
	}
}

uint32_t wheel_take(struct wheel *wheel, uint64_t now_ns)
{
	const uint64_t now_tick = now_ns >> WHEEL_TICK_BITS;

	while (wheel->count) {
		uint64_t tick = next_tick(wheel);
		bool turned = turn_of(tick) != turn_of(wheel->tick);

		if (tick > now_tick)
			break;
		wheel->tick = tick;
		if (turned)
			begin_turn(wheel);
		uint32_t id = wheel->heads[tick % WHEEL_SLOTS];
		if (id == WHEEL_NONE)
			continue;
		wheel_cancel(wheel, id);
		return id;
	}
	if (wheel->tick < now_tick)
		wheel->tick = now_tick;
	return WHEEL_NONE;
}
