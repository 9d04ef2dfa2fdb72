// SPDX-License-Identifier: Apache-2.0
/* One thread per queue: read a batch, pick a target for each packet, answer the batch, repeat. */
#ifndef NFQUEUE_QUEUE_THREAD_H
#define NFQUEUE_QUEUE_THREAD_H

struct worker;

/* Returns 0 or an error number. The caller joins the thread and closes fd. */
int worker_start(struct worker *worker);

#endif
