// SPDX-License-Identifier: Apache-2.0
/* The user-space data plane: one thread for each queue, between an AF_XDP socket where frames come in and one
 * where they leave. */
#ifndef XDP_USER_H
#define XDP_USER_H

#include <pthread.h>
#include <stdatomic.h>

#include "settings.h"
#include "user_steer.h"
#include "xsk.h"

struct user_worker {
	const struct user_table *table;
	struct user_counters counters;
	struct xsk_pair sockets;
	pthread_t thread;
	uint32_t queue;
	atomic_bool *stop; /* and then `wake` becomes readable */
	int wake;
	int error; /* why it ended by itself; then the process gets a SIGTERM */
	bool ended;
	uint64_t cpu_ns; /* once it has ended */
} __attribute__((aligned(64)));
/* No thread writes to a cache line of another one. */
_Static_assert(sizeof(struct user_worker) % 64 == 0, "threads share a cache line");

/* Fails with a sentence. */
void user_start(struct user_worker *worker);
void user_join(struct user_worker *worker);

/* The CPU time of its thread, the kernel's work in it included. */
uint64_t user_cpu_ns(const struct user_worker *worker);

#endif
