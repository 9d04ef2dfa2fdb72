// SPDX-License-Identifier: Apache-2.0
/*
 * The thread that finds targets: each cycle it asks everybody on a link by ICMP echo, to the broadcast address
 * and to ff02::1, who is there, and tries a TCP connection to each of those and of the targets that are known.
 * Who accepts it is alive. The dead leave, those that are back return, and, where that is wanted, those that
 * nobody configured come in.
 */
#ifndef LOADED_DISCOVER_H
#define LOADED_DISCOVER_H

#include "balancer.h"

/* Opens what needs privileges; exits with a clear sentence when it can't. */
void discover_open(struct balancer *balancer);

/* Returns 0 or an error number. */
int discover_start(void);

/* Waits for the thread's end; the balancer's `stop` is set. */
void discover_stop(void);

#endif
