// SPDX-License-Identifier: Apache-2.0
/* What the kernel dropped at queues. */
#ifndef LB_DROPS_H
#define LB_DROPS_H

#include <stdint.h>
#include <stdio.h>

#include "json/text.h"

/* The kernel's list of the queues in this network namespace; NULL: it cannot be had. */
FILE *queue_drops_open(void);

/* Adds "queues", "queue_dropped" and "user_dropped" of `n` queues. The list may be asked again. */
void queue_drops_json(struct text *text, FILE *list, uint32_t first, uint32_t n);

#endif
