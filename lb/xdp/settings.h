// SPDX-License-Identifier: Apache-2.0
/* What `run` and `try` are told, checked once. */
#ifndef XDP_SETTINGS_H
#define XDP_SETTINGS_H

#include "cli/options.h"
#include "devices.h"
#include "steer.h"
#include "table/maglev.h"
#include "table/table.h"

enum plane { PLANE_XDP, PLANE_TC, PLANE_USER };

struct settings {
	const char *name; /* of the control socket */
	enum plane plane;
	bool native;
	bool gso; /* PLANE_XDP leaves what is longer than the MTU to TC */
	const char *device, *egress;
	uint32_t ifindex, mtu; /* of the interface where frames come in */
	uint32_t queues;       /* of PLANE_USER */
	uint32_t connections;  /* 0: no connection table */
	bool per_cpu;	       /* each CPU has a connection table of its own */
	struct table_config table;
	struct steer_config steer;
};

#define DEFAULT_NAME "xdp-lb"

/* The options of a command that balances; fails with a sentence. `devices` says whether it needs them. Fills
 * members. */
void settings_parse(struct settings *settings, struct member members[MAGLEV_N_MAX],
		    const struct command *command, int argc, char **argv, bool devices,
		    const struct option_spec *more, size_t more_n);

/* Why a table cannot have them, or NULL. */
const char *members_error(const struct table_config *config, const struct member *members);

#endif
