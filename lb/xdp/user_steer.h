// SPDX-License-Identifier: Apache-2.0
/* What user space does with a frame, however it got it. */
#ifndef XDP_USER_STEER_H
#define XDP_USER_STEER_H

#include "steer.h"
#include "table/maglev.h"
#include "table/table.h"

/* What all threads read; one writes. */
struct user_table {
	const struct steer_config *config;
	const struct table *table;
	uint64_t macs[MAGLEV_N_MAX]; /* by target, its bytes in the lowest six; read and written whole */
};

struct user_counters {
	uint64_t count[STEER_COUNTERS];
	uint64_t picked[MAGLEV_N_MAX];
	uint64_t send_calls;
};

void user_set_mac(struct user_table *table, uint32_t index, const uint8_t mac[6]);

/* Classifies a frame, and when it is to be forwarded makes it ready. */
enum steer_verdict user_steer(const struct user_table *table, uint8_t *frame, uint32_t length,
			      struct user_counters *counters);

#endif
