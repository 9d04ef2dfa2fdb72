// SPDX-License-Identifier: Apache-2.0
/* Tables as files in /dev/shm: created whole, locked by writers, claimed by the one balancer that runs on
 * them. */
#ifndef NFQUEUE_STORE_H
#define NFQUEUE_STORE_H

#include "table/table.h"

#define STORE_DEFAULT_NAME "nfqueue-lb"

/* Every function exits with a clear sentence when it can't. */

/* With force, replaces a table of that name unless a balancer runs on it. */
void store_create(const char *name, const struct table_config *config, bool force);

void store_open(const char *name, bool writable, struct table *table);

/* Takes back what store_open did. */
void store_close(const struct table *table);

/* For reading only. False: there is none of that name and of this version. */
bool store_try_open(const char *name, struct table *table);

/* Whether the table was not replaced or deleted since it was opened. */
bool store_is_current(const char *name, const struct table *table);

/* Whether a balancer runs on the table. */
bool store_is_claimed(const struct table *table);

/* Refuses what can't name a table. */
void store_check_name(const char *name);

/* Keeps other writers out until the process ends. */
void store_lock(const struct table *table);

/* Makes this process the balancer of the table until it ends. */
void store_claim(const char *name, const struct table *table);

void store_delete(const char *name);

#endif
