/* SPDX-License-Identifier: Apache-2.0 */
/* The programs that are attached to the kernel, and what they share with this one. */
#ifndef DROPS_KERNEL_H
#define DROPS_KERNEL_H

#include <stdint.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "drops.h"

struct kernel {
	struct btf *types;
	const struct btf_type *reasons[EVENT_KINDS]; /* NULL: this kernel has none */
	struct bpf_object *object;
};

/* Loads and attaches what this kernel knows of. All of these end the program with a sentence where they may not. */
void kernel_open(struct kernel *kernel);

/* From now on packets of this network namespace (inode) are told of. */
void kernel_watch(const struct kernel *kernel, uint32_t netns, uint32_t index);

struct ring_buffer *kernel_events(const struct kernel *kernel, ring_buffer_sample_fn take, void *context);

/* Its word for the reason of an event, without its prefix. */
const char *kernel_reason(const struct kernel *kernel, const struct event *event);

/* Events for which there was no room. */
uint64_t kernel_lost(const struct kernel *kernel);

#endif
