// SPDX-License-Identifier: Apache-2.0
/* Unit tests of the timing wheel, run under ASan and UBSan. */
#include <stdlib.h>

#include "parse.h"
#include "util/check.h"
#include "wheel.h"

static void wheel_gives_timers_in_order_and_not_early(void)
{
	enum { TIMERS = 5000 };
	const uint64_t start = 123456789012345ULL, step = 777777;
	uint64_t now = start, due[TIMERS];
	struct wheel wheel;
	uint32_t id, taken = 0;

	wheel_init(&wheel, TIMERS, start);
	srandom(1);
	for (uint32_t i = 0; i < TIMERS; i++) { /* up to three turns away */
		due[i] = start + (uint64_t)random() * 12 % (25 * NS_PER_S);
		wheel_set(&wheel, i, due[i]);
	}
	for (; wheel.count; now += step) {
		CHECK(wheel_next_ns(&wheel) != UINT64_MAX);
		while ((id = wheel_take(&wheel, now)) != WHEEL_NONE) {
			CHECK(due[id] <= now);
			CHECK(now < due[id] + step + (1 << WHEEL_TICK_BITS));
			due[id] = UINT64_MAX; /* taken twice would fail the check above */
			taken++;
		}
		CHECK(now < start + 26 * NS_PER_S);
	}
	CHECK(taken == TIMERS && wheel_next_ns(&wheel) == UINT64_MAX);
	wheel_free(&wheel);
}

/* Many connections that send rarely must not keep their process awake: 10,000 timers, none due for some
 * turns. */
static void wheel_timers_of_later_turns_wake_nobody(void)
{
	enum { TIMERS = 10000 };
	const uint64_t start = 77 * NS_PER_S, turn = (uint64_t)WHEEL_SLOTS << WHEEL_TICK_BITS;
	const uint64_t soonest = start + 100 * NS_PER_S, round = WHEEL_TURNS * turn;
	uint32_t id, taken = 0, wakes = 0;
	struct wheel wheel;

	wheel_init(&wheel, TIMERS, start);
	srandom(1);
	for (uint32_t i = 0; i < TIMERS; i++) /* the last some rounds of all turns away */
		wheel_set(&wheel, i,
			  soonest + (uint64_t)random() % NS_PER_S + (i == TIMERS - 1 ? 2 * round : 0));
	for (uint64_t now = start; now < soonest; now = wheel_next_ns(&wheel), wakes++)
		CHECK(wheel_take(&wheel, now) == WHEEL_NONE);
	CHECK(wakes <= 100 * NS_PER_S / turn + 2);
	/* All turns between at once, as after a halt. */
	for (; (id = wheel_take(&wheel, soonest + 100 * turn)) != WHEEL_NONE; taken++)
		CHECK(id != TIMERS - 1);
	CHECK(taken == TIMERS - 1 && wheel.count == 1);
	CHECK(wheel_take(&wheel, soonest + 2 * round - turn) == WHEEL_NONE);
	CHECK(wheel_take(&wheel, soonest + 2 * round + turn) == TIMERS - 1 && !wheel.count);
	wheel_free(&wheel);
}

static void wheel_timers_move_and_vanish(void)
{
	struct wheel wheel;

	wheel_init(&wheel, 3, NS_PER_S);
	wheel_set(&wheel, 0, 2 * NS_PER_S);
	wheel_set(&wheel, 1, 2 * NS_PER_S);
	wheel_set(&wheel, 2, 2 * NS_PER_S);
	wheel_cancel(&wheel, 1);
	wheel_cancel(&wheel, 1);
	wheel_set(&wheel, 0, 3 * NS_PER_S);
	CHECK(wheel.count == 2 && wheel_take(&wheel, NS_PER_S) == WHEEL_NONE);
	CHECK(wheel_next_ns(&wheel) >= 2 * NS_PER_S &&
	      wheel_next_ns(&wheel) < 2 * NS_PER_S + (1 << WHEEL_TICK_BITS));
	CHECK(wheel_take(&wheel, 5 * NS_PER_S / 2) == 2 &&
	      wheel_take(&wheel, 5 * NS_PER_S / 2) == WHEEL_NONE);
	wheel_set(&wheel, 1, 0); /* long overdue: next tick */
	CHECK(wheel_next_ns(&wheel) <= 3 * NS_PER_S && wheel_take(&wheel, 4 * NS_PER_S) != WHEEL_NONE);
	CHECK(wheel_take(&wheel, 4 * NS_PER_S) != WHEEL_NONE && !wheel.count);
	wheel_free(&wheel);
}

int main(void)
{
	wheel_gives_timers_in_order_and_not_early();
	wheel_timers_of_later_turns_wake_nobody();
	wheel_timers_move_and_vanish();
	return check_report("traffic wheel");
}
