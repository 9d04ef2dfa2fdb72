// SPDX-License-Identifier: Apache-2.0
/* Why a connection ended. Numbers and names are those of the record's row format: append, never reorder. */
#ifndef TRAFFIC_CAUSE_H
#define TRAFFIC_CAUSE_H

enum cause {
	CAUSE_NONE,
	CAUSE_RESET,
	CAUSE_EOF,
	CAUSE_TIMEOUT,
	CAUSE_REFUSED,
	CAUSE_WRONG_TARGET,
	CAUSE_STALLED,
	CAUSE_UNREACHABLE,
	CAUSE_LOCAL,
	CAUSES,
};

extern const char *const cause_names[CAUSES];

enum cause cause_of_errno(int error);

#endif
