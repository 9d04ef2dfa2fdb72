// SPDX-License-Identifier: Apache-2.0
#include "counters.h"

#include <inttypes.h>
#include <string.h>

#include "util/clock.h"
#include "table/table.h"

static const char *const names[COUNTERS] = {
	[FLOW_PORTS] = "flows",
	[FLOW_ICMP_ECHO] = "icmp_echo",
	[FLOW_ICMP_ERROR] = "icmp_errors",
	[FLOW_FRAGMENT] = "fragments",
	[FLOW_OTHER_PROTOCOL] = "other_protocol",
	[FLOW_UNMATCHED] = "unmatched",
	[FLOW_MALFORMED] = "malformed",
	[FLOW_SHORT] = "short",
	[COUNT_BYTES] = "bytes",
	[COUNT_NO_TARGET] = "no_target",
	[COUNT_NO_FLOW] = "no_flow",
	[COUNT_RECV_CALLS] = "recv_calls",
	[COUNT_VERDICT_CALLS] = "verdict_calls",
	[COUNT_VERDICT_ERRORS] = "verdict_errors",
	[COUNT_ENOBUFS] = "enobufs",
	[COUNT_REMEMBERED] = "remembered",
	[COUNT_FRAGMENTS + FRAGMENTS_STORED] = "fragments_stored",
	[COUNT_FRAGMENTS + FRAGMENTS_REINJECTED] = "fragments_reinjected",
	[COUNT_FRAGMENTS + FRAGMENTS_EXPIRED] = "fragments_expired",
	[COUNT_FRAGMENTS + FRAGMENTS_REFUSED] = "fragments_refused",
	[COUNT_FRAGMENTS + FRAGMENTS_WAITING] = "fragments_waiting",
	[COUNT_FRAGMENTS + FRAGMENTS_FORGOTTEN] = "fragments_forgotten",
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
		total += __atomic_load_n(&counters_of(table, worker)[counter], __ATOMIC_RELAXED);
	return total;
}

/*
 * Lines of queue number, port id, waiting, copy mode, copy range, queue dropped, user dropped, ... for the
 * queues bound in this network namespace.
 */
static void print_queues(const struct table *table, FILE *out)
{
	const uint32_t first = table->header->first_queue, queues = table->header->queues;
	uint64_t queue_dropped = 0, user_dropped = 0, full, user;
	FILE *proc = fopen("/proc/self/net/netfilter/nfnetlink_queue", "re");
	const char *separator = "";
	unsigned queue, waiting;
	char line[256];

	fputs(",\"queues\":[", out);
	while (proc && fgets(line, sizeof(line), proc)) {
		if (sscanf(line, "%u %*u %u %*u %*u %" SCNu64 " %" SCNu64, &queue, &waiting, &full, &user) !=
			    4 ||
		    queue - first >= queues)
			continue;
		fprintf(out,
			"%s{\"queue\":%u,\"waiting\":%u,\"queue_dropped\":%" PRIu64
			",\"user_dropped\":%" PRIu64 "}",
			separator, queue, waiting, full, user);
		separator = ",";
		queue_dropped += full;
		user_dropped += user;
	}
	if (proc)
		fclose(proc);
	fprintf(out, "],\"queue_dropped\":%" PRIu64 ",\"user_dropped\":%" PRIu64, queue_dropped,
		user_dropped);
}

void counters_print(const struct table *table, FILE *out)
{
	uint64_t packets = 0;

	for (size_t kind = 0; kind < FLOW_KINDS; kind++)
		packets += sum(table, kind);
	fprintf(out, "{\"event\":\"stats\",\"t\":%" PRIu64 ",\"packets\":%" PRIu64, clock_ns(), packets);
	for (size_t i = 0; i < COUNTERS; i++)
		fprintf(out, ",\"%s\":%" PRIu64, names[i], sum(table, i));
	fputs(",\"picked\":[", out);
	for (uint32_t i = 0; i < table->config.n; i++)
		fprintf(out, "%s%" PRIu64, i ? "," : "", sum(table, COUNTERS + i));
	putc(']', out);
	print_queues(table, out);
	fputs("}\n", out);
	fflush(out);
}
