// SPDX-License-Identifier: Apache-2.0
/* What threads write for each packet or batch lies in cache lines of their own, so that no core waits for another one's. */
#include <stdlib.h>
#include <string.h>

#include "counters.h"
#include "flows.h"
#include "run.h"
#include "store.h"
#include "util/check.h"

#define LINE 64

/* Whether no cache line has bytes of both. */
static bool are_apart(const void *a, size_t a_size, const void *b, size_t b_size)
{
	const uintptr_t first = (uintptr_t)a / LINE, last = ((uintptr_t)a + a_size - 1) / LINE;
	const uintptr_t other = (uintptr_t)b / LINE, end = ((uintptr_t)b + b_size - 1) / LINE;

	return last < other || end < first;
}

static void test_counters(uint32_t n)
{
	const struct table_config config = {.m = 1009, .n = n, .mask = UINT32_MAX};
	const size_t size = table_size(&config) + counters_size(n), own = (COUNTERS + n) * sizeof(uint64_t);
	void *memory = aligned_alloc(4096, (size + 4095) & ~(size_t)4095);
	struct table table;

	memset(memory, 0, size);
	table_format(memory, &config);
	CHECK(table_view(&table, memory, size), "no table of %u", n);
	for (uint32_t i = 1; i < WORKERS_MAX; i++)
		CHECK(are_apart(counters_of(&table, i - 1), own, counters_of(&table, i), own), "workers %u and %u of %u targets",
		      i - 1, i, n);
	CHECK(are_apart(memory, table_size(&config), counters_of(&table, 0), own), "table of %u, and counters", n);
	CHECK((const uint8_t *)counters_of(&table, WORKERS_MAX - 1) + own <= (const uint8_t *)memory + size, "the last of %u", n);
	free(memory);
}

int main(void)
{
	static struct run run;
	static struct flows_shared flows;

	for (uint32_t n = 1; n < 40; n++)
		test_counters(n);
	test_counters(1000);
	for (uint32_t i = 1; i < WORKERS_MAX; i++) {
		CHECK(are_apart(&run.workers[i - 1], sizeof(run.workers[0]), &run.workers[i], sizeof(run.workers[0])),
		      "what worker %u writes", i);
		CHECK(are_apart(flows.packets[i - 1], sizeof(flows.packets[0]), flows.packets[i], sizeof(flows.packets[0])),
		      "flows' counters of worker %u", i);
	}
	CHECK(are_apart(&flows, sizeof(flows) - sizeof(flows.packets), flows.packets, sizeof(flows.packets)), "versions of flows");
	CHECK(!are_apart(&run.workers[0].fd, 4, &run.workers[0].queue, 2), "the test sees what lies together");
	return check_report("layout");
}
