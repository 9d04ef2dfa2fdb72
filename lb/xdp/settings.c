// SPDX-License-Identifier: Apache-2.0
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *members_error(const struct table_config *config, const struct member *members)
{
	for (uint32_t i = 0; i < config->n; i++)
		if (members[i].weight > 1 && config->mode != TABLE_MAGLEV)
			return "Weights need a Maglev table";
	return NULL;
}

#define VLAN_TAG 4

static uint32_t one_of(const char *option, const char *text, const char *const *words)
{
	for (uint32_t i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	fail(EXIT_USAGE, "%s can't be '%s'. See --help.", option, text);
}

static void find_devices(struct settings *s, bool needed)
{
	struct steer_config *steer = &s->steer;

	if (!s->device) {
		if (needed)
			fail(EXIT_USAGE, "--dev is missing: the ingress interface.");
		/* For `try`, which has no interfaces: 02:00:00:00:00:01 in, :02 out. */
		memcpy(steer->own_mac, "\x02\0\0\0\0\1", 6);
		memcpy(steer->egress_mac, "\x02\0\0\0\0\2", 6);
		s->ifindex = steer->egress_ifindex = 1;
		return;
	}
	find_device(s->egress ? s->egress : s->device, &steer->egress_ifindex, steer->egress_mac, &s->mtu);
	if (s->gso)
		steer->frame_max = s->mtu + ETHERNET + VLAN_TAG;
	find_device(s->device, &s->ifindex, steer->own_mac, &s->mtu);
	steer->one_arm = s->ifindex == steer->egress_ifindex;
}

static void check(const struct settings *s)
{
	const char *error = table_config_error(&s->table);

	if (error)
		fail(EXIT_USAGE, "Cannot make the table: %s.", error);
	if (s->steer.vip4s + s->steer.vip6s == 0)
		fail(EXIT_USAGE, "--vip is missing: the addresses to balance, '10.0.0.0,1000::'.");
	if (s->connections && s->plane == PLANE_USER)
		fail(EXIT_USAGE, "--connections needs --plane xdp or tc.");
	if (s->connections && !s->table.ports)
		fail(EXIT_USAGE, "--connections needs --ports.");
	if (s->per_cpu && !s->connections)
		fail(EXIT_USAGE, "--per-cpu needs --connections.");
	if (s->gso && (s->native || s->plane != PLANE_XDP))
		fail(EXIT_USAGE, "--gso needs --plane xdp and --mode generic.");
	if (s->native && s->plane == PLANE_TC)
		fail(EXIT_USAGE, "--mode needs --plane xdp or user.");
}

void settings_parse(struct settings *s, struct member members[MAGLEV_N_MAX], const struct command *command,
		    int argc, char **argv, bool devices, const struct option_spec *more, size_t more_n)
{
	static const char *const planes[] = {"xdp", "tc", "user", NULL},
				 *const modes[] = {"generic", "native", NULL},
				 *const hashes[] = {"maglev", "modulo", NULL};
	const char *plane = "xdp", *mode = "generic", *hash = "maglev", *vips = "", *active = "",
		   *broken = NULL;
	bool ports = false;
	struct option_spec specs[OPTIONS_MAX] = {
		{"name", 0, "NAME", "how `set`, `show` and `stats` call it (xdp-lb)", .text = &s->name},
		{"plane", 0, "PLANE",
		 "xdp (default), tc, or user: AF_XDP sockets and a thread for each queue", .text = &plane},
		{"mode", 0, "MODE", "generic (default) or native XDP", .text = &mode},
		{"dev", 0, "NAME", "ingress interface", .text = &s->device},
		{"egress", 0, "NAME", "egress interface to the targets (that of --dev)", .text = &s->egress},
		{"vip", 0, "ADDRESS,...", "addresses to balance", .text = &vips},
		{"hash", 0, "HASH", "maglev (default) or modulo", .text = &hash},
		{"ports", 'p', NULL, "hash ports and protocol as well as addresses", .flag = &ports},
		{"M", 0, "M", "slots of the Maglev table, a prime (997)", .number = &s->table.m,
		 .min = MAGLEV_M_MIN, .max = 1048573},
		{"N", 0, "N", "maximum number of targets, up to 1000 (32)", .number = &s->table.n, .min = 1,
		 .max = MAGLEV_N_MAX},
		{"seed", 0, "SEED", "seed of the hash and the permutations (0)", .number = &s->table.seed,
		 .max = UINT32_MAX},
		{"active", 0, "INDEX=MAC[@WEIGHT],...", "active targets at the start", .text = &active},
		{"connections", 0, "N",
		 "size of the connection table, 0 for none; least recently used entries are replaced (0)",
		 .number = &s->connections, .max = 1u << 24},
		{"per-cpu", 0, NULL, "each CPU knows only the connections whose packets came to it", .flag = &s->per_cpu},
		{"queues", 0, "N", "queues of both interfaces for --plane user (1)", .number = &s->queues,
		 .min = 1, .max = 64},
		{"gso", 0, NULL, "packets longer than the MTU, which are cut later, go by a TC program", .flag = &s->gso},
		{"broken", 0, "random", "random target per packet, to verify a test", .text = &broken},
	};
	const size_t own = 17;
	char *list;

	*s = (struct settings){
		.name = DEFAULT_NAME, .queues = 1, .table = {.m = 997, .n = 32, .mask = UINT32_MAX}};
	memcpy(specs + own, more, more_n * sizeof(*more));
	parse_options(command, argc, argv, specs, own + more_n, 0);
	s->plane = one_of("--plane", plane, planes);
	s->native = one_of("--mode", mode, modes);
	s->table.mode = one_of("--hash", hash, hashes) ? TABLE_MODULO : TABLE_MAGLEV;
	s->table.ports = s->steer.ports = ports;
	s->steer.seed = s->table.seed;
	s->steer.targets = s->table.n;
	s->steer.connections = s->connections > 0;
	if (broken && strcmp(broken, "random") != 0)
		fail(EXIT_USAGE, "--broken must be 'random', not '%s'.", broken);
	s->steer.random = broken != NULL;
	add_vips(&s->steer, vips);
	check(s);
	list = strdup(active);
	if (!list)
		fail(EXIT_ERROR, "Out of memory.");
	members_parse(list, members, s->table.n);
	free(list);
	if (members_error(&s->table, members))
		fail(EXIT_USAGE, "%s.", members_error(&s->table, members));
	find_devices(s, devices);
}
