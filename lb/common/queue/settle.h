// SPDX-License-Identifier: Apache-2.0
/* How the thread of a queue is to run. */
#ifndef LB_SETTLE_H
#define LB_SETTLE_H

#include <stdbool.h>

#define NO_CPU (-1)

/*
 * Of the calling thread. `gather`: it wakes up without interrupting what runs on its CPU, which may well be
 * what sends the packets: so they gather, and a batch is one; on an idle CPU it runs at once. `cpu`: where it
 * stays, as where the packets of its queue come in by; NO_CPU: anywhere. Returns 0 or an error number.
 */
int settle(bool gather, int cpu);

#endif
