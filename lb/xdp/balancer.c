// SPDX-License-Identifier: Apache-2.0
#include "balancer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"

const char *const outcome_names[STEER_COUNTERS] = {
	[FLOW_PORTS] = "flows",
	[FLOW_ICMP_ECHO] = "icmp_echo",
	[FLOW_ICMP_ERROR] = "icmp_errors",
	[FLOW_FRAGMENT] = "fragments",
	[FLOW_OTHER_PROTOCOL] = "other_protocol",
	[FLOW_UNMATCHED] = "unmatched",
	[FLOW_MALFORMED] = "malformed",
	[FLOW_SHORT] = "short",
	[STEER_NOT_OURS] = "not_ours",
	[STEER_VLAN] = "vlan",
	[STEER_NOT_IP] = "not_ip",
	[STEER_NOT_VIP] = "not_vip",
	[STEER_TTL_EXPIRED] = "ttl_expired",
	[STEER_BYTES] = "bytes",
	[STEER_NO_TARGET] = "no_target",
	[STEER_KEPT] = "kept",
	[STEER_LEARNT] = "learnt",
};

void balancer_load(struct balancer *balancer, bool kernel)
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
	balancer->kernel = (struct kernel){.settings = settings, .counters = -1, .picked = -1, .tables = -1};
	if (kernel)
		kernel_load(&balancer->kernel, settings);
	error = balancer_publish(balancer, balancer->members, &done);
	if (error)
		fail(EXIT_ERROR, "Cannot fill the table: %s.", strerror(error));
}

static bool build(struct balancer *balancer, const struct member *members, struct table_publication *done)
{
	struct target targets[MAGLEV_N_MAX];

	for (uint32_t i = 0; i < balancer->settings.table.n; i++) {
		targets[i] =
			(struct target){.fwmark = members[i].active ? i + 1 : 0, .active = members[i].active};
		if (members[i].active)
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

static uint64_t read_count(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
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
			counts[i] += read_count(&of->count[i]);
		for (uint32_t i = 0; i < settings->table.n; i++)
			picks[i] += read_count(&of->picked[i]);
	}
}

static void print_sockets(const struct balancer *balancer, FILE *out)
{
	struct xsk_drops all = {0};
	uint64_t send_calls = 0;

	if (balancer->settings.plane != PLANE_USER || !balancer->workers)
		return;
	fputs(",\"queues\":[", out);
	for (uint32_t q = 0; q < balancer->settings.queues; q++) {
		const struct user_worker *worker = &balancer->workers[q];
		uint64_t frames = 0;
		struct xsk_drops drops;

		xsk_drops(&worker->sockets, &drops);
		all.no_buffer += drops.no_buffer;
		all.ring_full += drops.ring_full;
		all.invalid += drops.invalid;
		send_calls += read_count(&worker->counters.send_calls);
		for (int i = 0; i < STEER_OUTCOMES; i++)
			frames += read_count(&worker->counters.count[i]);
		fprintf(out, "%s{\"queue\":%u,\"frames\":%" PRIu64 ",\"cpu_ns\":%" PRIu64 "}", q ? "," : "",
			q, frames, user_cpu_ns(worker));
	}
	fprintf(out,
		"],\"send_calls\":%" PRIu64 ",\"socket_no_buffer\":%" PRIu64 ",\"socket_ring_full\":%" PRIu64
		",\"socket_invalid\":%" PRIu64,
		send_calls, all.no_buffer, all.ring_full, all.invalid);
}

void balancer_print_stats(const struct balancer *balancer, FILE *out)
{
	static const char *const planes[] = {"xdp", "tc", "user"};
	const struct settings *settings = &balancer->settings;
	const struct kernel_time time = kernel_time(&balancer->kernel);
	uint64_t counts[STEER_COUNTERS], picks[MAGLEV_N_MAX], packets = 0;

	balancer_counts(balancer, counts, picks);
	for (int i = 0; i < STEER_OUTCOMES; i++)
		packets += counts[i];
	fprintf(out, "{\"event\":\"stats\",\"t\":%" PRIu64 ",\"plane\":\"%s\",\"packets\":%" PRIu64,
		clock_ns(), planes[settings->plane], packets);
	for (int i = 0; i < STEER_COUNTERS; i++)
		fprintf(out, ",\"%s\":%" PRIu64, outcome_names[i], counts[i]);
	fputs(",\"picked\":[", out);
	for (uint32_t i = 0; i < settings->table.n; i++)
		fprintf(out, "%s%" PRIu64, i ? "," : "", picks[i]);
	fprintf(out, "],\"program\":{\"runs\":%" PRIu64 ",\"ns\":%" PRIu64 "}", time.runs, time.ns);
	print_sockets(balancer, out);
	fputs("}\n", out);
}

void balancer_print_table(const struct balancer *balancer, FILE *out)
{
	const struct table_config *config = &balancer->table.config;
	const struct table_half *half = table_current(&balancer->table);
	const uint16_t *slots = balancer->table.slots[half->version & 1];
	uint32_t counts[MAGLEV_N_MAX] = {0};
	const char *separator = "";

	for (uint32_t i = 0; i < half->slots; i++)
		counts[slots[i]]++;
	fprintf(out,
		"{\"hash\":\"%s\",\"ports\":%s,\"M\":%u,\"N\":%u,\"seed\":%u,\"version\":%" PRIu64
		",\"targets\":[",
		config->mode == TABLE_MAGLEV ? "maglev" : "modulo", config->ports ? "true" : "false",
		config->m, config->n, config->seed, half->version);
	for (uint32_t i = 0; i < config->n; i++) {
		const uint8_t *mac = balancer->members[i].mac;

		if (!balancer->members[i].active)
			continue;
		fprintf(out, "%s{\"index\":%u,\"mac\":\"%02x:%02x:%02x:%02x:%02x:%02x\",\"slots\":%u}",
			separator, i, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], counts[i]);
		separator = ",";
	}
	fputs("]}\n", out);
}
