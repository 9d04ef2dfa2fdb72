// SPDX-License-Identifier: Apache-2.0
/* A balancer at work: its settings, its table, and the plane that it stands on. */
#ifndef XDP_BALANCER_H
#define XDP_BALANCER_H

#include "json/text.h"

#include "kernel.h"
#include "user.h"

struct balancer {
	struct settings settings;
	struct table table;
	struct member members[MAGLEV_N_MAX];
	struct kernel kernel;
	struct user_table user;
	struct user_worker *workers; /* settings.queues of them in PLANE_USER, once it runs */
};

/*
 * Makes the table, and loads the plane's program, with the members that were given in force. It goes on with the
 * files of the one before; NULL: no program is loaded. Fails with a sentence.
 */
void balancer_load(struct balancer *balancer, const struct kernel_files *before);

/* Makes exactly these members active. Returns 0 or an errno, and then all stays as it was. */
int balancer_publish(struct balancer *balancer, const struct member *members, struct table_publication *done);

/* Counters of all CPUs and threads: counts[STEER_COUNTERS], picks[N]. */
void balancer_counts(const struct balancer *balancer, uint64_t *counts, uint64_t *picks);

/* One line of JSON each. */
void balancer_stats_json(const struct balancer *balancer, struct text *out);
void balancer_table_json(const struct balancer *balancer, struct text *out);

#endif
