// SPDX-License-Identifier: Apache-2.0
/* The user-space data plane: one thread for each queue, between an AF_XDP socket where frames come in and one
 * where they leave. */
#ifndef XDP_USER_H
#define XDP_USER_H

#include <pthread.h>
#include <stdatomic.h>

#include "settings.h"
#include "steer.h"
#include "xsk.h"

/* What all threads read; one writes. */
struct user_table {
	const struct steer_config *config;
	const struct table *table;
	uint64_t macs[MAGLEV_N_MAX]; /* by target, its bytes in the lowest six; read and written whole */
};

struct user_counters {
	uint64_t count[STEER_COUNTERS];
	uint64_t picked[MAGLEV_N_MAX];
	uint64_t send_calls;
};

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

void user_set_mac(struct user_table *table, uint32_t index, const uint8_t mac[6]);

/* Classifies a frame, and when it is to be forwarded makes it ready. */
enum steer_verdict user_steer(const struct user_table *table, uint8_t *frame, uint32_t length,
			      struct user_counters *counters);

/* Fails with a sentence. */
void user_start(struct user_worker *worker);
void user_join(struct user_worker *worker);

/* The CPU time of its thread, the kernel's work in it included. */
uint64_t user_cpu_ns(const struct user_worker *worker);

#endif
