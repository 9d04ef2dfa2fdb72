// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_NAMESPACES_H
#define AGENT_NAMESPACES_H

#include <stdbool.h>

/* Puts the caller into fresh user (unless root), mount, pid, network, uts and ipc namespaces. Returns in a
 * child that is process 1 there and dies with its parent; the parent only waits, and exits with the child's
 * code. On failure a sentence with the remedy is on stderr and the process exits with 1. */
void sandbox_enter(bool rootless);

/* The mounts that machines need, and /run/netns: for a process 1 that has the namespaces already. */
void machines_prepare(void);

/* A machine: its own network, uts and mount namespace (own /run, /dev/shm, /sys), also at /run/netns/NAME for
 * ip(8). Returns 0, or -1 with errno set. */
int machine_make(const char *name);

/* Moves the caller into the machine; "" is the agent's own namespaces, a path that
 * of a network namespace (the rest stays the agent's). Returns 0, or -1 with errno set. */
int machine_enter(const char *name);

#endif
