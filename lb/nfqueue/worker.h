/* One thread per queue: read a batch, pick a target for each packet, answer the batch, repeat. */
#ifndef NFQUEUE_WORKER_H
#define NFQUEUE_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "queue.h"
#include "table.h"

struct worker_options {
	struct queue_options queue;
	uint32_t batch;		   /* packets per read and per answer */
	uint32_t no_target_fwmark; /* for packets when no target is active; 0: drop them */
	bool random;		   /* broken on purpose: pick at random */
	bool remember;		   /* make conntrack entries for TCP packets, which have none */
};

struct worker {
	const struct worker_options *options;
	const struct table *table;
	uint64_t *counters;
	pthread_t thread;
	int fd;
	uint16_t queue;
	atomic_bool *stop;
	int error; /* why the thread ended by itself, else 0 */
};

/* Returns 0 or an error number. The caller joins the thread and closes fd. */
int worker_start(struct worker *worker);

#endif
