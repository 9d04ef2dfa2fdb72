// SPDX-License-Identifier: Apache-2.0
/* One thread for each queue: read a batch, change the addresses of each packet, give the batch back. */
#ifndef LOADED_WORKER_H
#define LOADED_WORKER_H

#include "balancer.h"
#include "nat.h"

enum action { ACTION_PASS, ACTION_CHANGED, ACTION_DROP };

/* What becomes of a packet, which may be changed; counts it. */
enum action worker_handle(struct worker *worker, uint8_t *data, uint32_t size, uint32_t now_ms);

/* Returns 0 or an error number. The caller joins the thread and closes fd. */
int worker_start(struct worker *worker);

#endif
