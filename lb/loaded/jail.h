// SPDX-License-Identifier: Apache-2.0
#ifndef LOADED_JAIL_H
#define LOADED_JAIL_H

#include <stdbool.h>

/*
 * Takes away, for good, what a balancer that works needs no more: the file system (its root becomes an empty
 * folder that is gone), every capability but CAP_NET_ADMIN, new privileges, and all system calls but some
 * forty. To be called before the first thread starts. Exits with a clear sentence when it can't. False: a new
 * root is not permitted here; all the rest was done.
 */
bool jail_enter(void);

#endif
