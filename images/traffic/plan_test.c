// SPDX-License-Identifier: Apache-2.0
/* Plans of connections, run under ASan and UBSan. */
#include <string.h>

#include "plan.h"
#include "util/check.h"

#define MOST 4

struct times {
	uint32_t start, end;
};

static size_t packed(uint8_t *to, const struct times *times, uint32_t count)
{
	memset(to, 0, (size_t)count * PLANNED_BYTES);
	for (uint32_t i = 0; i < count; i++)
		for (int byte = 0; byte < 4; byte++) {
			to[i * PLANNED_BYTES + byte] = (uint8_t)(times[i].start >> (8 * byte));
			to[i * PLANNED_BYTES + 8 + byte] = (uint8_t)(times[i].end >> (8 * byte));
		}
	return (size_t)count * PLANNED_BYTES;
}

static void takes_what_is_in_order(void)
{
	const struct times good[] = {{0, 70000}, {5, 5}, {5, 9}};
	uint8_t bytes[MOST * PLANNED_BYTES];
	struct planned plan[MOST];
	const size_t size = packed(bytes, good, 3);

	CHECK(!plan_take(plan, bytes, size, 3), "it fits");
	CHECK(plan[0].end_us == 70000 && plan[2].start_us == 5 && plan[2].end_us == 9, "numbers are as they were");
	CHECK(plan_peak(plan, 3) == 3, "three at 5 us, not %u", plan_peak(plan, 3));
	bytes[15] = 1;
	CHECK(!plan_take(plan, bytes, size, 3) && plan[0].end_us == (1ull << 56) + 70000, "numbers have 64 bits");
}

static void refuses_what_is_not(void)
{
	const struct times backwards[] = {{5, 9}, {4, 9}}, ends_first[] = {{5, 4}};
	uint8_t bytes[MOST * PLANNED_BYTES];
	struct planned plan[MOST];

	CHECK(plan_take(plan, bytes, packed(bytes, backwards, 2), 2), "starts fall");
	CHECK(plan_take(plan, bytes, packed(bytes, ends_first, 1), 1), "it ends first");
	CHECK(plan_take(plan, bytes, packed(bytes, backwards, 1), 2), "one is missing");
	CHECK(plan_take(plan, bytes, packed(bytes, backwards, 1) + 1, 1), "there is more");
}

static void counts_those_that_live_at_once(void)
{
	const struct planned apart[] = {{0, 1}, {2, 3}, {4, 5}}, nested[] = {{0, 9}, {1, 2}, {3, 4}, {4, 8}};

	CHECK(plan_peak(apart, 3) == 1 && plan_peak(nested, 4) == 3, "one, and three");
}

int main(void)
{
	takes_what_is_in_order();
	refuses_what_is_not();
	counts_those_that_live_at_once();
	return check_report("plan");
}
