// SPDX-License-Identifier: Apache-2.0
#include "events.h"

#include <signal.h>
#include <stdio.h>

#include "limits.h"
#include "out.h"

void events_start(const struct client *client)
{
	static const char *const modes[] = {"connect", "stream", "fragments"};
	const struct settings *set = &client->set;
	char address[INET6_ADDRSTRLEN];

	if (set->output != OUTPUT_NDJSON)
		return;
	json_event(&out, "stream_start", client->start_ns);
	json_string(&out, "mode", modes[set->mode]);
	json_number(&out, "family", (uint64_t)address_family_number(&set->address));
	json_string(&out, "protocol", protocol_name(set));
	json_number(&out, "connections", client->count);
	json_string(&out, "srcCidr", set->source.text);
	if (set->sources)
		json_number(&out, "sources", set->sources);
	json_string(&out, "dst", address_text(&set->address, address));
	json_number(&out, "dport", address_port(&set->address));
	json_number(&out, "intervalUs", set->interval_ns / NS_PER_US);
	if (set->unit_us > 1)
		json_number(&out, "rowUnitUs", set->unit_us);
	if (set->keepalive_ns)
		json_number(&out, "keepaliveUs", set->keepalive_ns / NS_PER_US);
	json_number(&out, "stallUs", set->stall_ns / NS_PER_US);
	json_number(&out, "sampleUs", set->sample_ns / NS_PER_US);
	if (set->duration_ns)
		json_number(&out, "durationUs", set->duration_ns / NS_PER_US);
	if (set->visit)
		json_number(&out, "visit", set->visit);
	if (set->same_tuple)
		json_bool(&out, "sameTuple", true);
	json_line(&out);
}

void events_hosts(struct client *client, uint64_t now)
{
	struct hosts *hosts = &client->hosts;

	if (hosts->reported == hosts->count)
		return;
	json_event(&out, "hosts", now);
	json_array(&out, "names");
	for (; hosts->reported < hosts->count; hosts->reported++)
		json_string(&out, NULL, hosts->list[hosts->reported].name);
	json_array_end(&out);
	json_line(&out);
}

void events_all_established(const struct client *client, uint64_t now)
{
	if (client->set.output != OUTPUT_NDJSON)
		return;
	json_event(&out, "all_established", now);
	json_number(&out, "established", client->first_established);
	json_number(&out, "failed", client->count - client->first_established);
	json_line(&out);
}

static void add_lost(const struct client *client)
{
	json_object(&out, "lost");
	for (int cause = CAUSE_NONE + 1; cause < CAUSES; cause++)
		if (client->totals.lost[cause])
			json_number(&out, cause_names[cause], client->totals.lost[cause]);
	json_object_end(&out);
}

static void add_targets(const struct client *client)
{
	json_object(&out, "perTarget");
	for (uint16_t i = 0; i < client->hosts.count; i++)
		json_number(&out, client->hosts.list[i].name, client->hosts.list[i].live);
	json_object_end(&out);
}

static void add_histogram(const struct client *client)
{
	json_array(&out, "hist");
	for (uint32_t bucket = 0; bucket < HIST_BUCKETS; bucket++) {
		if (!client->hist[bucket])
			continue;
		json_array(&out, NULL);
		json_number(&out, NULL, bucket);
		json_number(&out, NULL, client->hist[bucket]);
		json_array_end(&out);
	}
	json_array_end(&out);
}

static void add_integrity(const struct client *client)
{
	struct integrity sum = {0};

	if (client->set.mode != MODE_STREAM)
		return;
	for (uint16_t i = 0; i < client->hosts.count; i++)
		integrity_add(&sum, &client->troubles[i].integrity);
	integrity_add(&sum, &client->troubles[MAX_HOSTS].integrity);
	integrity_json(&out, &sum);
}

static void add_trouble(const char *name, const struct troubles *of)
{
	const struct integrity *counts = &of->integrity;

	if (!(counts->corrupt | counts->duplicates | counts->reordered | counts->late | of->resent |
	      of->unanswered))
		return;
	json_object(&out, name);
	json_number(&out, "corrupt", counts->corrupt);
	json_number(&out, "duplicates", counts->duplicates);
	json_number(&out, "reordered", counts->reordered);
	json_number(&out, "late", counts->late);
	json_number(&out, "resent", of->resent);
	json_number(&out, "unanswered", of->unanswered);
	json_object_end(&out);
}

/* By target; by "" those of connections that never had one. */
static void add_troubles(const struct client *client)
{
	if (client->set.mode != MODE_STREAM)
		return;
	json_object(&out, "troubles");
	for (uint16_t i = 0; i < client->hosts.count; i++)
		add_trouble(client->hosts.list[i].name, &client->troubles[i]);
	add_trouble("", &client->troubles[MAX_HOSTS]);
	json_object_end(&out);
}

void events_sample(struct client *client, uint64_t now)
{
	const struct totals *totals = &client->totals;

	events_hosts(client, now);
	json_event(&out, "sample", now);
	json_number(&out, "alive", client->alive);
	json_number(&out, "connecting", client->opening);
	json_number(&out, "established", totals->established);
	json_number(&out, "failedConnects", totals->failed_connects);
	add_lost(client);
	json_number(&out, "sent", totals->sent);
	json_number(&out, "received", totals->received);
	json_number(&out, "lateSends", totals->late_sends);
	json_number(&out, "maxLateUs", client->max_late_sample_ns / NS_PER_US);
	add_targets(client);
	add_integrity(client);
	add_histogram(client);
	json_line(&out);
	events_rows_flush(client, now);
}

void events_rows_flush(struct client *client, uint64_t now)
{
	if (!client->row_count)
		return;
	events_hosts(client, now); /* a row must not name a host that is not known yet */
	json_event(&out, "rows", now);
	json_base64(&out, "rows", client->rows, client->row_count * ROW_BYTES);
	json_line(&out);
	client->row_count = 0;
}

void events_row(struct client *client, const struct row *row, uint64_t now)
{
	if (client->row_count == ROWS_PER_LINE)
		events_rows_flush(client, now);
	row_pack(row, client->rows + client->row_count++ * ROW_BYTES);
}

static void missed_flush(struct client *client, uint64_t now)
{
	if (!client->missed_count)
		return;
	json_event(&out, "missed", now);
	json_array(&out, "us");
	for (uint32_t i = 0; i < client->missed_count; i++)
		json_number(&out, NULL, (client->missed[i] - client->start_ns) / NS_PER_US);
	json_array_end(&out);
	json_line(&out);
	client->missed_count = 0;
}

void events_missed(struct client *client, uint64_t due, uint64_t now)
{
	if (client->missed_count == MISSED_PER_LINE)
		missed_flush(client, now);
	client->missed[client->missed_count++] = due;
}

void events_end(struct client *client, uint64_t now)
{
	uint64_t user, system;

	missed_flush(client, now);
	cpu_used_us(&user, &system);
	json_event(&out, "stream_end", now);
	json_number(&out, "userUs", user);
	json_number(&out, "systemUs", system);
	json_number(&out, "lateSends", client->totals.late_sends);
	json_number(&out, "maxLateUs", client->max_late_ns / NS_PER_US);
	if (client->signal)
		json_string(&out, "signal", client->signal == SIGINT ? "SIGINT" : "SIGTERM");
	add_integrity(client);
	add_troubles(client);
	json_line(&out);
}
