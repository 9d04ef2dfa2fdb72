// SPDX-License-Identifier: Apache-2.0
#include "balancer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/json.h"
#include "steer_text.h"
#include "table/table_text.h"
#include "util/clock.h"
#include "util/counter.h"

void balancer_load(struct balancer *balancer, const struct kernel_files *before)
{
	const struct settings *settings = &balancer->settings;
	const size_t size = table_size(&settings->table);
	void *memory = calloc(1, size);
	struct table_publication done;
	int error;

	if (!memory)
		fail(EXIT_ERROR, "Out of memory.");
	table_format(memory, &settings->table);
	table_view(&balancer->table, memory, size);
	balancer->user = (struct user_table){.config = &settings->steer, .table = &balancer->table};
	balancer->kernel = (struct kernel){
		.settings = settings, .counters = -1, .connections = -1, .picked = -1, .tables = -1, .large = -1, .claim = -1};
	if (before)
		kernel_load(&balancer->kernel, settings, before);
	error = balancer_publish(balancer, balancer->members, &done);
	if (error)
		fail(EXIT_ERROR, "Cannot fill the table: %s.", strerror(error));
}

static bool build(struct balancer *balancer, const struct member *members, struct table_publication *done)
{
	struct target targets[MAGLEV_N_MAX];

	for (uint32_t i = 0; i < balancer->settings.table.n; i++) {
		targets[i] =
			(struct target){.fwmark = members[i].weight ? i + 1 : 0, .weight = members[i].weight};
		if (members[i].weight)
			user_set_mac(&balancer->user, i, members[i].mac);
	}
	return table_publish(&balancer->table, targets, done);
}

/* The table of the user-space plane is in force at once, and the kernel's with the system call's end. */
int balancer_publish(struct balancer *balancer, const struct member *members, struct table_publication *done)
{
	int error;

	if (!build(balancer, members, done))
		return ENOMEM;
	error = kernel_publish(&balancer->kernel, &balancer->table, members);
	if (error) {
		build(balancer, balancer->members, done);
		return error;
	}
	done->published_ns = clock_ns();
	memmove(balancer->members, members, balancer->settings.table.n * sizeof(*members));
	return 0;
}

void balancer_counts(const struct balancer *balancer, uint64_t *counts, uint64_t *picks)
{
	const struct settings *settings = &balancer->settings;

	kernel_counts(&balancer->kernel, counts, picks);
	if (settings->plane != PLANE_USER)
		return;
	memset(picks, 0, settings->table.n * sizeof(*picks));
	for (uint32_t q = 0; balancer->workers && q < settings->queues; q++) {
		const struct user_counters *of = &balancer->workers[q].counters;

		for (int i = 0; i < STEER_COUNTERS; i++)
			counts[i] += count_read(&of->count[i]);
		for (uint32_t i = 0; i < settings->table.n; i++)
			picks[i] += count_read(&of->picked[i]);
	}
}

static void add_sockets(const struct balancer *balancer, struct text *out)
{
	struct xsk_drops all = {0};
	uint64_t send_calls = 0;

	if (balancer->settings.plane != PLANE_USER || !balancer->workers)
		return;
	json_array(out, "queues");
	for (uint32_t q = 0; q < balancer->settings.queues; q++) {
		const struct user_worker *worker = &balancer->workers[q];
		uint64_t frames = 0;
		struct xsk_drops drops;

		xsk_drops(&worker->sockets, &drops);
		all.no_buffer += drops.no_buffer;
		all.ring_full += drops.ring_full;
		all.invalid += drops.invalid;
		send_calls += count_read(&worker->counters.send_calls);
		for (int i = 0; i < STEER_OUTCOMES; i++)
			frames += count_read(&worker->counters.count[i]);
		json_object(out, NULL);
		json_number(out, "queue", q);
		json_number(out, "frames", frames);
		json_number(out, "cpu_ns", user_cpu_ns(worker));
		json_object_end(out);
	}
	json_array_end(out);
	json_number(out, "send_calls", send_calls);
	json_number(out, "socket_no_buffer", all.no_buffer);
	json_number(out, "socket_ring_full", all.ring_full);
	json_number(out, "socket_invalid", all.invalid);
}

void balancer_stats_json(const struct balancer *balancer, struct text *out)
{
	static const char *const planes[] = {"xdp", "tc", "user"};
	const struct settings *settings = &balancer->settings;
	const struct kernel_time time = kernel_time(&balancer->kernel);
	uint64_t counts[STEER_COUNTERS], picks[MAGLEV_N_MAX];

	balancer_counts(balancer, counts, picks);
	json_event(out, "stats", clock_ns());
	json_string(out, "plane", planes[settings->plane]);
	steer_counts_json(out, counts, picks, settings->table.n);
	json_object(out, "program");
	json_number(out, "runs", time.runs);
	json_number(out, "ns", time.ns);
	json_object_end(out);
	add_sockets(balancer, out);
	json_line(out);
}

void balancer_table_json(const struct balancer *balancer, struct text *out)
{
	const struct table_config *config = &balancer->table.config;
	uint32_t counts[MAGLEV_N_MAX];

	table_count_slots(&balancer->table, counts);
	json_object(out, NULL);
	json_string(out, "hash", table_mode_name(config));
	json_bool(out, "ports", config->ports);
	json_number(out, "M", config->m);
	json_number(out, "N", config->n);
	json_number(out, "seed", config->seed);
	json_number(out, "version", table_current(&balancer->table)->version);
	json_array(out, "targets");
	for (uint32_t i = 0; i < config->n; i++) {
		const uint8_t *mac = balancer->members[i].mac;
		char text[18];

		if (!balancer->members[i].weight)
			continue;
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
			 mac[4], mac[5]);
		json_object(out, NULL);
		json_number(out, "index", i);
		json_string(out, "mac", text);
		if (balancer->members[i].weight > 1)
			json_number(out, "weight", balancer->members[i].weight);
		json_number(out, "slots", counts[i]);
		json_object_end(out);
	}
	json_array_end(out);
	json_line(out);
}
