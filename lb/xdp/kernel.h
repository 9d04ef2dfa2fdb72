// SPDX-License-Identifier: Apache-2.0
/* The BPF side: the programs and maps of steer.bpf.c, loaded, filled, attached. The functions fail() unless
 * they return. */
#ifndef XDP_KERNEL_H
#define XDP_KERNEL_H

#include "settings.h"

struct bpf_object;
struct bpf_link;

struct kernel {
	const struct settings *settings;
	struct bpf_object *object;
	int program, tables, counters, picked, sockets; /* file descriptors; -1: not of this plane */
	int link;
	bool filter, clsact; /* what TC has of ours */
	uint32_t version;
};

/* Loads what the plane needs; nothing is attached yet. */
void kernel_load(struct kernel *kernel, const struct settings *settings);

/* Puts a table that table_publish() made into force. Returns 0 or an errno, and then the old one stays. */
int kernel_publish(struct kernel *kernel, const struct table *table, const struct member *members);

void kernel_attach(struct kernel *kernel);
void kernel_detach(struct kernel *kernel);

/* How often the program ran and for how long, while somebody had the kernel's statistics of run time on. */
struct kernel_time {
	uint64_t runs, ns;
};
struct kernel_time kernel_time(const struct kernel *kernel);

/* Adds up all CPUs: counts[STEER_COUNTERS], and picks[targets] when the plane counts them here. */
void kernel_counts(const struct kernel *kernel, uint64_t *counts, uint64_t *picks);

#endif
