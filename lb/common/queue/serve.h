// SPDX-License-Identifier: Apache-2.0
/* The life of a thread that serves a queue, whatever it does with a batch. */
#ifndef LB_SERVE_H
#define LB_SERVE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "queue/batch.h"

struct serving {
	uint32_t batch, copy; /* packets at once, and bytes of each */
	size_t answer;	      /* bytes that answer a packet, at most */
	int cpu;	      /* where the thread stays; NO_CPU: anywhere */
	const atomic_bool *stop;
	int (*serve)(void *worker, struct batch *batch); /* one batch; returns 0 or an error number */
};

/*
 * Serves batches until `stop`. Returns 0, or the error number with which it ended by itself; then the process
 * gets SIGTERM, as with one queue dead the balancer is not whole.
 */
int queue_serve(const struct serving *serving, void *worker);

/* Waits for the end of a thread, and says on stderr how it ended by itself. Returns an exit code. */
int queue_join(pthread_t thread, uint16_t queue, const int *error);

#endif
