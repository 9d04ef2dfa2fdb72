// SPDX-License-Identifier: Apache-2.0
#include "kernel.h"

#include <errno.h>
#include <string.h>
#include <bpf/bpf.h>

#include "cli/fail.h"
#include "names.h"
#include "util/embed.h"

#define NO_REASON UINT32_MAX

EMBED(drops_object, DROPS_OBJECT);

static const struct {
	const char *tracepoint, *program, *reasons;
	uint32_t arguments;
} sources[EVENT_KINDS] = {
	[EVENT_DROP] = {"kfree_skb", "on_drop", "skb_drop_reason", 3},
	[EVENT_RESET] = {"tcp_send_reset", "on_reset", "sk_rst_reason", 3},
};

static void refused(const char *what, int error)
{
	fail(EXIT_ENVIRONMENT, "Cannot %s: %s.", what, strerror(error < 0 ? -error : error));
}

static void attach(struct kernel *kernel)
{
	struct bpf_program *program;
	uint32_t attached = 0;

	for (int kind = 0; kind < EVENT_KINDS; kind++) {
		program = bpf_object__find_program_by_name(kernel->object, sources[kind].program);
		/* Kernels tell the one since 5.17, the other since 6.10. */
		bpf_program__set_autoload(
			program, names_tells(kernel->types, sources[kind].tracepoint, sources[kind].arguments));
	}
	if (bpf_object__load(kernel->object))
		refused("load the BPF programs", errno);
	bpf_object__for_each_program(program, kernel->object)
	{
		if (!bpf_program__autoload(program))
			continue;
		if (!bpf_program__attach(program))
			refused("attach to a tracepoint", errno);
		attached++;
	}
	if (attached == 0)
		fail(EXIT_ENVIRONMENT, "This kernel tells no reasons of drops.");
}

void kernel_open(struct kernel *kernel)
{
	struct bpf_map *constants;
	uint32_t not_ours;

	libbpf_set_print(NULL);
	kernel->types = btf__load_vmlinux_btf();
	if (!kernel->types)
		refused("read the kernel's types", errno);
	for (int kind = 0; kind < EVENT_KINDS; kind++)
		kernel->reasons[kind] = names_enum(kernel->types, sources[kind].reasons);
	kernel->object = bpf_object__open_mem(drops_object, (size_t)(drops_object_end - drops_object), NULL);
	if (!kernel->object)
		refused("open the BPF programs", errno);
	constants = bpf_object__find_map_by_name(kernel->object, ".rodata");
	not_ours = names_value(kernel->types, "skb_drop_reason", "SKB_DROP_REASON_OTHERHOST", NO_REASON);
	if (!constants || bpf_map__set_initial_value(constants, &not_ours, sizeof(not_ours)))
		fail(EXIT_ERROR, "The BPF object has no constants.");
	attach(kernel);
}

static int map_of(const struct kernel *kernel, const char *name)
{
	return bpf_object__find_map_fd_by_name(kernel->object, name);
}

void kernel_watch(const struct kernel *kernel, uint32_t netns, uint32_t index)
{
	if (bpf_map_update_elem(map_of(kernel, "machines"), &netns, &index, BPF_ANY))
		refused("name the machines", errno);
}

struct ring_buffer *kernel_events(const struct kernel *kernel, ring_buffer_sample_fn take, void *context)
{
	struct ring_buffer *ring = ring_buffer__new(map_of(kernel, "events"), take, context, NULL);

	if (!ring)
		refused("map the ring", errno);
	return ring;
}

const char *kernel_reason(const struct kernel *kernel, const struct event *event)
{
	return names_reason(kernel->types, kernel->reasons[event->kind], event->reason);
}

uint64_t kernel_lost(const struct kernel *kernel)
{
	const uint32_t zero = 0;
	uint64_t lost = 0;

	bpf_map_lookup_elem(map_of(kernel, ".bss"), &zero, &lost);
	return lost;
}
