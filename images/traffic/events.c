// SPDX-License-Identifier: Apache-2.0
/* What the generator tells: one JSON object a line. Names and units are those of the record. */
#include <stdio.h>

#include "client.h"
#include "limits.h"
#include "out.h"

static void begin(const char *event, uint64_t now)
{
	text_add(&out, "{\"event\":\"%s\",\"t\":%llu", event, (unsigned long long)now);
}

static void add_number(const char *name, uint64_t value)
{
	text_add(&out, ",\"%s\":%llu", name, (unsigned long long)value);
}

void events_start(const struct client *client)
{
	static const char *const modes[] = {"connect", "stream", "fragments"};
	const struct settings *set = &client->set;
	char address[INET6_ADDRSTRLEN];

	if (set->output != OUTPUT_NDJSON)
		return;
	begin("stream_start", client->start_ns);
	text_add(&out, ",\"mode\":\"%s\",\"family\":%d,\"protocol\":\"%s\"", modes[set->mode],
		 address_family_number(&set->address), set->udp ? "udp" : "tcp");
	add_number("connections", client->count);
	text_add(&out, ",\"srcCidr\":\"%s\",\"dst\":\"%s\"", set->source.text,
		 address_text(&set->address, address));
	add_number("dport", address_port(&set->address));
	add_number("intervalUs", set->interval_ns / NS_PER_US);
	add_number("stallUs", set->stall_ns / NS_PER_US);
	add_number("sampleUs", set->sample_ns / NS_PER_US);
	if (set->visit)
		add_number("visit", set->visit);
	text_add(&out, "}\n");
}

void events_hosts(struct client *client, uint64_t now)
{
	struct hosts *hosts = &client->hosts;

	if (hosts->reported == hosts->count)
		return;
	begin("hosts", now);
	text_add(&out, ",\"names\":[");
	for (uint16_t from = hosts->reported; hosts->reported < hosts->count; hosts->reported++) {
		text_add(&out, "%s", hosts->reported > from ? "," : "");
		text_add_json(&out, hosts->list[hosts->reported].name);
	}
	text_add(&out, "]}\n");
}

void events_all_established(const struct client *client, uint64_t now)
{
	if (client->set.output != OUTPUT_NDJSON)
		return;
	begin("all_established", now);
	add_number("established", client->first_established);
	add_number("failed", client->count - client->first_established);
	text_add(&out, "}\n");
}

static void add_lost(const struct client *client)
{
	const char *comma = "";

	text_add(&out, ",\"lost\":{");
	for (int cause = CAUSE_NONE + 1; cause < CAUSES; cause++) {
		if (!client->totals.lost[cause])
			continue;
		text_add(&out, "%s\"%s\":%llu", comma, cause_names[cause],
			 (unsigned long long)client->totals.lost[cause]);
		comma = ",";
	}
	text_add(&out, "}");
}

static void add_targets(const struct client *client)
{
	text_add(&out, ",\"perTarget\":{");
	for (uint16_t i = 0; i < client->hosts.count; i++) {
		text_add(&out, "%s", i ? "," : "");
		text_add_json(&out, client->hosts.list[i].name);
		text_add(&out, ":%u", client->hosts.list[i].live);
	}
	text_add(&out, "}");
}

static void add_histogram(const struct client *client)
{
	const char *comma = "";

	text_add(&out, ",\"hist\":[");
	for (int bucket = 0; bucket < HIST_BUCKETS; bucket++) {
		if (!client->hist[bucket])
			continue;
		text_add(&out, "%s[%d,%u]", comma, bucket, client->hist[bucket]);
		comma = ",";
	}
	text_add(&out, "]");
}

void events_sample(struct client *client, uint64_t now)
{
	const struct totals *totals = &client->totals;

	events_hosts(client, now);
	begin("sample", now);
	add_number("alive", client->alive);
	add_number("connecting", client->opening);
	add_number("established", totals->established);
	add_number("failedConnects", totals->failed_connects);
	add_lost(client);
	add_number("sent", totals->sent);
	add_number("received", totals->received);
	add_number("lateSends", totals->late_sends);
	add_number("maxLateUs", client->max_late_sample_ns / NS_PER_US);
	add_targets(client);
	add_histogram(client);
	text_add(&out, "}\n");
	events_rows_flush(client, now);
}

void events_rows_flush(struct client *client, uint64_t now)
{
	if (!client->row_count)
		return;
	events_hosts(client, now); /* a row must not name a host that is not known yet */
	begin("rows", now);
	text_add(&out, ",\"rows\":\"");
	text_add_base64(&out, client->rows, client->row_count * ROW_BYTES);
	text_add(&out, "\"}\n");
	client->row_count = 0;
}

void events_row(struct client *client, const struct row *row, uint64_t now)
{
	if (client->row_count == ROWS_PER_LINE)
		events_rows_flush(client, now);
	row_pack(row, client->rows + client->row_count++ * ROW_BYTES);
}

void events_end(const struct client *client, uint64_t now)
{
	uint64_t user, system;

	cpu_used_us(&user, &system);
	begin("stream_end", now);
	add_number("userUs", user);
	add_number("systemUs", system);
	add_number("lateSends", client->totals.late_sends);
	add_number("maxLateUs", client->max_late_ns / NS_PER_US);
	text_add(&out, "}\n");
}
