// SPDX-License-Identifier: Apache-2.0
#include "counters.h"

#include <string.h>

#include "json/json.h"
#include "packet/flow_names.h"
#include "queue/drops.h"
#include "util/clock.h"
#include "table/table.h"

/* Of the others. */
static const char *const names[COUNTERS] = {
	[COUNT_BYTES] = "bytes",
	[COUNT_NO_TARGET] = "no_target",
	[COUNT_NO_FLOW] = "no_flow",
	[COUNT_RECV_CALLS] = "recv_calls",
	[COUNT_VERDICT_CALLS] = "verdict_calls",
	[COUNT_VERDICT_ERRORS] = "verdict_errors",
	[COUNT_ENOBUFS] = "enobufs",
	[COUNT_REMEMBERED] = "remembered",
	[COUNT_WHOLE] = "asked_whole",
	[COUNT_FRAGMENTS + FRAGMENTS_STORED] = "fragments_stored",
	[COUNT_FRAGMENTS + FRAGMENTS_REINJECTED] = "fragments_reinjected",
	[COUNT_FRAGMENTS + FRAGMENTS_EXPIRED] = "fragments_expired",
	[COUNT_FRAGMENTS + FRAGMENTS_REFUSED] = "fragments_refused",
	[COUNT_FRAGMENTS + FRAGMENTS_WAITING] = "fragments_waiting",
	[COUNT_FRAGMENTS + FRAGMENTS_FORGOTTEN] = "fragments_forgotten",
	[COUNT_FRAGMENTS + FRAGMENTS_WHOLE] = "fragments_whole",
	[COUNT_FRAGMENTS_FORWARDED] = "fragments_forwarded",
	[COUNT_FRAGMENTS_MALFORMED] = "fragments_malformed",
	[COUNT_REINJECT_ERRORS] = "reinject_errors",
};

/* In 64-bit words, a multiple of a cache line. */
static size_t set_words(uint32_t n)
{
	return (COUNTERS + n + 7) & ~(size_t)7;
}

size_t counters_size(uint32_t n)
{
	return WORKERS_MAX * set_words(n) * sizeof(uint64_t);
}

uint64_t *counters_of(const struct table *table, uint32_t worker)
{
	return table->rest + worker * set_words(table->config.n);
}

void counters_reset(const struct table *table)
{
	memset(table->rest, 0, table->rest_size);
}

static uint64_t sum(const struct table *table, size_t counter)
{
	uint64_t total = 0;

	for (uint32_t worker = 0; worker < WORKERS_MAX; worker++)
		total += count_read(&counters_of(table, worker)[counter]);
	return total;
}

void counters_print(const struct table *table, FILE *out)
{
	FILE *list = queue_drops_open();
	struct text text = {0};
	uint64_t packets = 0;

	for (size_t kind = 0; kind < FLOW_KINDS; kind++)
		packets += sum(table, kind);
	json_event(&text, "stats", clock_ns());
	json_number(&text, "packets", packets);
	for (size_t i = 0; i < COUNTERS; i++)
		json_number(&text, i < FLOW_KINDS ? flow_counter_names[i] : names[i], sum(table, i));
	json_array(&text, "picked");
	for (uint32_t i = 0; i < table->config.n; i++)
		json_number(&text, NULL, sum(table, COUNTERS + i));
	json_array_end(&text);
	queue_drops_json(&text, list, table->header->first_queue, table->header->queues);
	if (list)
		fclose(list);
	json_line(&text);
	text_print(&text, out);
	text_free(&text);
}
