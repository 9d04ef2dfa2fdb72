// SPDX-License-Identifier: Apache-2.0
#include "kernel.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* The object file is part of the program: one file to ship, and the two cannot differ. */
__asm__(".section .rodata\n"
	".balign 8\n"
	"steer_object:\n"
	".incbin \"" STEER_OBJECT "\"\n"
	"steer_object_end:\n"
	".previous\n");
extern const char steer_object[], steer_object_end[];

/* What libbpf said last: the reason behind its error number. */
static char said[600];

static int listen_to_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level != LIBBPF_WARN)
		return 0;
	return vsnprintf(said, sizeof(said), format, args);
}

static __attribute__((noreturn)) void refused(const char *what, int error)
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

/* Only the plane's own program and maps come to life. */
static void choose(struct kernel *kernel, const char *program)
{
	const enum plane plane = kernel->settings->plane;
	struct bpf_program *candidate;

	bpf_object__for_each_program(candidate, kernel->object)
		bpf_program__set_autoload(candidate, strcmp(bpf_program__name(candidate), program) == 0);
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
	bpf_map__set_max_entries(map_of(kernel, "sockets"), settings->queues);
	if (template >= 0 && bpf_map__set_inner_map_fd(map_of(kernel, "tables"), template))
		refused("size the table", errno);
}

void kernel_load(struct kernel *kernel, const struct settings *settings)
{
	static const char *const programs[] = {
		[PLANE_XDP] = "steer_xdp", [PLANE_TC] = "steer_tc", [PLANE_USER] = "filter_xdp"};
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "xdp_lb");
	const char *program = programs[settings->plane];
	const uint32_t zero = 0;
	int template = -1;

	*kernel =
		(struct kernel){.settings = settings, .tables = -1, .picked = -1, .sockets = -1, .link = -1};
	libbpf_set_print(listen_to_libbpf);
	kernel->object = bpf_object__open_mem(steer_object, steer_object_end - steer_object, &options);
	if (!kernel->object)
		refused("open the BPF object", errno);
	choose(kernel, program);
	if (settings->plane != PLANE_USER && (template = table_create(settings)) < 0)
		refused("make a BPF map", errno);
	configure(kernel, template);
	if (bpf_object__load(kernel->object))
		refused("load the BPF program", errno);
	if (template >= 0)
		close(template);
	kernel->program = bpf_program__fd(bpf_object__find_program_by_name(kernel->object, program));
	kernel->counters = bpf_map__fd(map_of(kernel, "counters"));
	if (settings->plane == PLANE_USER) {
		kernel->sockets = bpf_map__fd(map_of(kernel, "sockets"));
		return;
	}
	kernel->tables = bpf_map__fd(map_of(kernel, "tables"));
	kernel->picked = bpf_map__fd(map_of(kernel, "picked"));
	if (settings->plane == PLANE_XDP && !settings->steer.one_arm &&
	    bpf_map_update_elem(bpf_map__fd(map_of(kernel, "egress")), &zero, &settings->steer.egress_ifindex,
				0))
		refused("redirect to the egress interface", errno);
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
		entries[1 + i].index = members[i].active ? i : STEER_NONE;
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

static void attach_xdp(struct kernel *kernel)
{
	const struct settings *settings = kernel->settings;
	LIBBPF_OPTS(bpf_link_create_opts, options,
		    .flags = settings->native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	const char *mode = settings->native ? "native" : "generic";

	/* A link is a file: the kernel detaches the program when the last one who has it open ends, however
	 * it ends. */
	kernel->link = bpf_link_create(kernel->program, settings->ifindex, BPF_XDP, &options);
	if (kernel->link >= 0)
		return;
	if (errno == EBUSY || errno == EEXIST)
		fail(EXIT_ERROR,
		     "Cannot attach to '%s': another XDP program is attached there, or to a device above it.",
		     settings->device);
	if (errno == EOPNOTSUPP)
		fail(EXIT_ERROR, "Cannot attach to '%s': its driver has no %s XDP. Try --mode %s.",
		     settings->device, mode, settings->native ? "generic" : "native");
	fail(EXIT_ERROR, "Cannot attach to '%s' in %s mode: %s.", settings->device, mode, strerror(errno));
}

static const struct bpf_tc_opts FILTER = {.sz = sizeof(FILTER), .handle = 1, .priority = 1};

static void attach_tc(struct kernel *kernel)
{
	struct bpf_tc_opts filter = FILTER;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = kernel->settings->ifindex, .attach_point = BPF_TC_INGRESS);
	int error = bpf_tc_hook_create(&hook);

	if (error && error != -EEXIST)
		refused("make a clsact queueing discipline", -error);
	kernel->clsact = !error;
	filter.prog_fd = kernel->program;
	error = bpf_tc_attach(&hook, &filter);
	if (!error) {
		kernel->filter = true;
		return;
	}
	kernel_detach(kernel);
	if (error == -EEXIST)
		fail(EXIT_ERROR,
		     "Cannot attach to '%s': another filter is there. Remove it with 'tc filter del dev %s "
		     "ingress pref 1'.",
		     kernel->settings->device, kernel->settings->device);
	refused("attach a TC filter", -error);
}

void kernel_attach(struct kernel *kernel)
{
	(kernel->settings->plane == PLANE_TC ? attach_tc : attach_xdp)(kernel);
}

void kernel_detach(struct kernel *kernel)
{
	const struct bpf_tc_opts filter = FILTER;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = kernel->settings->ifindex, .attach_point = BPF_TC_INGRESS);

	if (kernel->link >= 0)
		close(kernel->link);
	kernel->link = -1;
	if (kernel->filter)
		bpf_tc_detach(&hook, &filter);
	/* Both directions at once are how libbpf says: the queueing discipline itself. */
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	if (kernel->clsact)
		bpf_tc_hook_destroy(&hook);
	kernel->filter = kernel->clsact = false;
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
