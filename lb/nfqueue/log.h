// SPDX-License-Identifier: Apache-2.0
/* What the balancer says on stderr beside its answers. How much is a number in the table, so that it changes while it runs. */
#ifndef NFQUEUE_LOG_H
#define NFQUEUE_LOG_H

#include <stdbool.h>

#include "packet/flow.h"
#include "table/table.h"

enum log_level { LOG_WARNING = 4, LOG_NOTICE, LOG_INFO, LOG_DEBUG }; /* as of syslog */

/* From now on by the level of this table; before, LOG_NOTICE. */
void log_by(const struct table *table);

bool log_is_on(enum log_level level);

/* One sentence, without its end. */
void log_say(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A packet that is dropped, and why. At most 100 a second. */
void log_drop(const struct flow_key *key, const char *why);

#endif
