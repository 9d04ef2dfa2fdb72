/* Tables as files in /dev/shm: created whole, locked by writers, claimed by the one balancer that runs on
 * them. */
#ifndef NFQUEUE_STORE_H
#define NFQUEUE_STORE_H

#include "table.h"

#define STORE_DEFAULT_NAME "nfqueue-lb"

/* Every function exits with a clear sentence when it can't. */

/* With force, replaces a table of that name unless a balancer runs on it. */
void store_create(const char *name, const struct table_config *config, bool force);

void store_open(const char *name, bool writable, struct table *table);

/* Keeps other writers out until the process ends. */
void store_lock(const struct table *table);

/* Makes this process the balancer of the table until it ends. */
void store_claim(const char *name, const struct table *table);

void store_delete(const char *name);

#endif
