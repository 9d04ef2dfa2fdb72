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
	int program, tables, counters, connections, picked, sockets; /* file descriptors; -1: not of this plane */
	int large; /* the program of packets longer than the MTU; -1: there is none */
	int link, claim;
	bool filter, clsact; /* what TC has of ours */
	uint32_t version;
};

/* What a successor goes on with; -1: not of this plane, or there is none before. */
struct kernel_files {
	int link, counters, connections, picked;
};

extern const struct kernel_files kernel_no_files;

/* Loads what the plane needs, with the maps of the one before; nothing is attached yet. */
void kernel_load(struct kernel *kernel, const struct settings *settings, const struct kernel_files *before);

struct kernel_files kernel_files(const struct kernel *kernel);

/* Puts a table that table_publish() made into force. Returns 0 or an errno, and then the old one stays. */
int kernel_publish(struct kernel *kernel, const struct table *table, const struct member *members);

/* In the place of the program whose link this is, if any: no frame meets none of the two, or both. */
void kernel_attach(struct kernel *kernel, int link);
void kernel_detach(struct kernel *kernel);

/* Fails with what the kernel said, and what helps. */
void kernel_refused(const char *what, int error) __attribute__((noreturn));

/* How often the program ran and for how long, while somebody had the kernel's statistics of run time on. */
struct kernel_time {
	uint64_t runs, ns;
};
struct kernel_time kernel_time(const struct kernel *kernel);

/* Adds up all CPUs: counts[STEER_COUNTERS], and picks[targets] when the plane counts them here. */
void kernel_counts(const struct kernel *kernel, uint64_t *counts, uint64_t *picks);

#endif
