// SPDX-License-Identifier: Apache-2.0
#include "kernel.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "util/embed.h"

/* The object file is part of the program: one file to ship, and the two cannot differ. */
EMBED(steer_object, STEER_OBJECT);

/* What libbpf said last: the reason behind its error number. */
static char said[600];

static int listen_to_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level != LIBBPF_WARN)
		return 0;
	return vsnprintf(said, sizeof(said), format, args);
}

void kernel_refused(const char *what, int error)
{
	const char *why = strerror(error), *remedy = "";

	if (error == EPERM || error == EACCES)
		remedy = " This needs root in the initial user namespace: CAP_BPF and CAP_NET_ADMIN, "
			 "or "
			 "CAP_SYS_ADMIN.";
	said[strcspn(said, "\n")] = '\0';
	fail(EXIT_ERROR, "Cannot %s: %s.%s%s%s", what, why, remedy, *said ? " The loader said: " : "", said);
}

static struct bpf_map *map_of(const struct kernel *kernel, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(kernel->object, name);

	if (!map)
		fail(EXIT_ERROR, "The BPF object has no map '%s'.", name);
	return map;
}

/* Of each CPU of the system, online or not: so large are the values of per-CPU maps. */
static int cpus(void)
{
	static int n;

	if (n == 0)
		n = libbpf_num_possible_cpus();
	if (n < 1)
		fail(EXIT_ERROR, "Cannot tell how many CPUs there are: %s.", strerror(-n));
	return n;
}

static uint32_t slots_max(const struct settings *settings)
{
	return settings->table.mode == TABLE_MAGLEV ? settings->table.m : settings->table.n;
}

static int table_create(const struct settings *settings)
{
	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "table", sizeof(uint32_t), sizeof(struct steer_entry),
			      1 + settings->table.n + slots_max(settings), NULL);
}

/* What takes packets longer than the MTU beside XDP. */
#define FOR_LARGE "steer_tc"

static int program_of(const struct kernel *kernel, const char *name)
{
	return bpf_program__fd(bpf_object__find_program_by_name(kernel->object, name));
}

/* Only the plane's own programs and maps come to life. */
static void choose(struct kernel *kernel, const char *program)
{
	const enum plane plane = kernel->settings->plane;
	struct bpf_program *candidate;

	bpf_object__for_each_program(candidate, kernel->object)
		bpf_program__set_autoload(candidate, strcmp(bpf_program__name(candidate), program) == 0 ||
							     (kernel->settings->gso &&
							      strcmp(bpf_program__name(candidate), FOR_LARGE) == 0));
	bpf_map__set_autocreate(map_of(kernel, "tables"), plane != PLANE_USER);
	bpf_map__set_autocreate(map_of(kernel, "connections"), plane != PLANE_USER);
	bpf_map__set_autocreate(map_of(kernel, "picked"), plane != PLANE_USER);
	bpf_map__set_autocreate(map_of(kernel, "egress"), plane == PLANE_XDP);
	bpf_map__set_autocreate(map_of(kernel, "sockets"), plane == PLANE_USER);
}

static void configure(struct kernel *kernel, int template)
{
	const struct settings *settings = kernel->settings;
	struct bpf_map *map;

	bpf_object__for_each_map(map, kernel->object) if (bpf_map__is_internal(map) &&
							  strstr(bpf_map__name(map), ".rodata") &&
							  bpf_map__set_initial_value(map, &settings->steer,
										     sizeof(settings->steer)))
		fail(EXIT_ERROR, "The BPF object holds more than its configuration.");
	bpf_map__set_max_entries(map_of(kernel, "picked"), settings->table.n);
	bpf_map__set_max_entries(map_of(kernel, "connections"),
				 settings->connections ? settings->connections : 1);
	if (settings->per_cpu)
		bpf_map__set_type(map_of(kernel, "connections"), BPF_MAP_TYPE_LRU_PERCPU_HASH);
	bpf_map__set_max_entries(map_of(kernel, "sockets"), settings->queues);
	if (template >= 0 && bpf_map__set_inner_map_fd(map_of(kernel, "tables"), template))
		kernel_refused("size the table", errno);
}

const struct kernel_files kernel_no_files = {.link = -1, .counters = -1, .connections = -1, .picked = -1};

/* The object has a file of its own for it then. */
static void reuse(struct kernel *kernel, const char *name, int before)
{
	int error;

	if (before < 0)
		return;
	error = bpf_map__reuse_fd(map_of(kernel, name), before);
	close(before);
	if (error)
		kernel_refused("go on with the maps of the balancer before", -error);
}

struct kernel_files kernel_files(const struct kernel *kernel)
{
	return (struct kernel_files){.link = kernel->link,
				     .counters = kernel->counters,
				     .connections = kernel->connections,
				     .picked = kernel->picked};
}

void kernel_load(struct kernel *kernel, const struct settings *settings, const struct kernel_files *before)
{
	static const char *const programs[] = {
		[PLANE_XDP] = "steer_xdp", [PLANE_TC] = "steer_tc", [PLANE_USER] = "filter_xdp"};
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "xdp_lb");
	const char *program = programs[settings->plane];
	const uint32_t zero = 0;
	int template = -1;

	*kernel =
		(struct kernel){.settings = settings, .tables = -1, .connections = -1, .picked = -1, .sockets = -1, .large = -1, .link = -1, .claim = -1};
	libbpf_set_print(listen_to_libbpf);
	kernel->object = bpf_object__open_mem(steer_object, steer_object_end - steer_object, &options);
	if (!kernel->object)
		kernel_refused("open the BPF object", errno);
	choose(kernel, program);
	if (settings->plane != PLANE_USER && (template = table_create(settings)) < 0)
		kernel_refused("make a BPF map", errno);
	configure(kernel, template);
	reuse(kernel, "counters", before->counters);
	reuse(kernel, "connections", before->connections);
	reuse(kernel, "picked", before->picked);
	if (bpf_object__load(kernel->object))
		kernel_refused("load the BPF program", errno);
	if (template >= 0)
		close(template);
	kernel->program = program_of(kernel, program);
	if (settings->gso)
		kernel->large = program_of(kernel, FOR_LARGE);
	kernel->counters = bpf_map__fd(map_of(kernel, "counters"));
	if (settings->plane == PLANE_USER) {
		kernel->sockets = bpf_map__fd(map_of(kernel, "sockets"));
		return;
	}
	kernel->tables = bpf_map__fd(map_of(kernel, "tables"));
	kernel->picked = bpf_map__fd(map_of(kernel, "picked"));
	kernel->connections = bpf_map__fd(map_of(kernel, "connections"));
	if (settings->plane == PLANE_XDP && !settings->steer.one_arm &&
	    bpf_map_update_elem(bpf_map__fd(map_of(kernel, "egress")), &zero, &settings->steer.egress_ifindex,
				0))
		kernel_refused("redirect to the egress interface", errno);
}

/* The words of the BPF array: head, targets, slots. */
static struct steer_entry *entries_of(struct kernel *kernel, const struct table *table,
				      const struct member *members, uint32_t count)
{
	const struct table_half *half = table_current(table);
	const uint16_t *slots = table->slots[half->version & 1];
	const uint32_t n = table->config.n;
	const struct steer_head head = {.slots = half->slots, .version = ++kernel->version};
	struct steer_entry *entries = calloc(count, sizeof(*entries));

	if (!entries)
		return NULL;
	memcpy(entries, &head, sizeof(head));
	for (uint32_t i = 0; i < n; i++) {
		memcpy(entries[1 + i].mac, members[i].mac, 6);
		entries[1 + i].index = members[i].weight ? i : STEER_NONE;
	}
	for (uint32_t i = 0; i < half->slots; i++)
		entries[1 + n + i] = entries[1 + slots[i]];
	return entries;
}

static int fill(int map, const struct steer_entry *entries, uint32_t count)
{
	uint32_t *keys = malloc(count * sizeof(*keys)), done = count;
	int error = 0;

	if (!keys)
		return ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		keys[i] = i;
	if (bpf_map_update_batch(map, keys, entries, &done, NULL))
		error = errno;
	free(keys);
	return error;
}

int kernel_publish(struct kernel *kernel, const struct table *table, const struct member *members)
{
	const uint32_t count = 1 + table->config.n + slots_max(kernel->settings), zero = 0;
	struct steer_entry *entries;
	int map, error = 0;

	if (kernel->tables < 0)
		return 0;
	entries = entries_of(kernel, table, members, count);
	if (!entries)
		return ENOMEM;
	map = table_create(kernel->settings);
	if (map < 0 || (error = fill(map, entries, count)) ||
	    bpf_map_update_elem(kernel->tables, &zero, &map, BPF_ANY))
		error = error ? error : errno;
	free(entries);
	if (map >= 0)
		close(map);
	return error;
}

void kernel_counts(const struct kernel *kernel, uint64_t *counts, uint64_t *picks)
{
	const uint32_t zero = 0, n = kernel->settings->table.n;
	uint64_t values[cpus() * STEER_COUNTERS];

	memset(counts, 0, STEER_COUNTERS * sizeof(*counts));
	if (bpf_map_lookup_elem(kernel->counters, &zero, values) == 0)
		for (int i = 0; i < cpus() * STEER_COUNTERS; i++)
			counts[i % STEER_COUNTERS] += values[i];
	for (uint32_t target = 0; kernel->picked >= 0 && target < n; target++) {
		picks[target] = 0;
		if (bpf_map_lookup_elem(kernel->picked, &target, values) == 0)
			for (int i = 0; i < cpus(); i++)
				picks[target] += values[i];
	}
}

struct kernel_time kernel_time(const struct kernel *kernel)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(kernel->program, &info, &size))
		return (struct kernel_time){0};
	return (struct kernel_time){.runs = info.run_cnt, .ns = info.run_time_ns};
}
