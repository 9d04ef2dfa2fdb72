#include "wheel.h"

#include <string.h>

#include "memory.h"

void wheel_init(struct wheel *wheel, uint32_t ids, uint64_t now_ns)
{
	memset(wheel, 0, sizeof(*wheel));
	wheel->timers = allocate(ids * sizeof(*wheel->timers));
	wheel->heads = allocate(WHEEL_SLOTS * sizeof(*wheel->heads));
	wheel->used = allocate(WHEEL_SLOTS / 8);
	wheel->tick = now_ns >> WHEEL_TICK_BITS;
	for (uint32_t id = 0; id < ids; id++)
		wheel->timers[id].slot = WHEEL_NONE;
	memset(wheel->heads, 0xff, WHEEL_SLOTS * sizeof(*wheel->heads));
}

void wheel_free(struct wheel *wheel)
{
	release(wheel->timers);
	release(wheel->heads);
	release(wheel->used);
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
		if (timer->next == WHEEL_NONE) {
			uint32_t word = timer->slot / 64;

			wheel->used[word] &= ~(1ULL << (timer->slot % 64));
			if (!wheel->used[word])
				wheel->summary[word / 64] &= ~(1ULL << (word % 64));
		}
	}
	timer->slot = WHEEL_NONE;
	wheel->count--;
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
	uint32_t slot = tick % WHEEL_SLOTS, head = wheel->heads[slot];
	*timer = (struct wheel_timer){.due_ns = due_ns, .next = head, .previous = WHEEL_NONE, .slot = slot};
	if (head != WHEEL_NONE)
		wheel->timers[head].previous = id;
	wheel->heads[slot] = id;
	wheel->used[slot / 64] |= 1ULL << (slot % 64);
	wheel->summary[slot / 4096] |= 1ULL << (slot / 64 % 64);
	wheel->count++;
}

/* The first used slot at or after `from`, going round once; WHEEL_SLOTS when none is used. */
static uint32_t first_used(const struct wheel *wheel, uint32_t from)
{
	uint64_t bits = wheel->used[from / 64] & (~0ULL << (from % 64));
	if (bits)
		return from / 64 * 64 + (uint32_t)__builtin_ctzll(bits);
	uint32_t start = (from / 64 + 1) % (WHEEL_SLOTS / 64);
	bits = wheel->summary[start / 64] & (~0ULL << (start % 64));
	for (uint32_t i = 0, group = start / 64; i <= WHEEL_SLOTS / 4096; i++) {
		if (bits) {
			uint32_t word = group * 64 + (uint32_t)__builtin_ctzll(bits);

			return word * 64 + (uint32_t)__builtin_ctzll(wheel->used[word]);
		}
		group = (group + 1) % (WHEEL_SLOTS / 4096);
		bits = wheel->summary[group];
	}
	return WHEEL_SLOTS;
}

static uint64_t next_tick(const struct wheel *wheel)
{
	uint32_t here = wheel->tick % WHEEL_SLOTS, slot = first_used(wheel, here);

	return slot == WHEEL_SLOTS ? UINT64_MAX : wheel->tick + (slot - here + WHEEL_SLOTS) % WHEEL_SLOTS;
}

uint64_t wheel_next_ns(const struct wheel *wheel)
{
	uint64_t tick = wheel->count ? next_tick(wheel) : UINT64_MAX;

	return tick == UINT64_MAX ? UINT64_MAX : tick << WHEEL_TICK_BITS;
}

uint32_t wheel_take(struct wheel *wheel, uint64_t now_ns)
{
	uint64_t now_tick = now_ns >> WHEEL_TICK_BITS;

	while (wheel->count) {
		uint64_t tick = next_tick(wheel);

		if (tick > now_tick)
			break;
		wheel->tick = tick;
		for (uint32_t id = wheel->heads[tick % WHEEL_SLOTS]; id != WHEEL_NONE;
		     id = wheel->timers[id].next) {
			if (wheel->timers[id].due_ns > now_ns)
				continue; /* a later turn */
			wheel_cancel(wheel, id);
			return id;
		}
		wheel->tick = tick + 1;
	}
	if (wheel->tick <= now_tick)
		wheel->tick = now_tick;
	return WHEEL_NONE;
}
