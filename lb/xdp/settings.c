// SPDX-License-Identifier: Apache-2.0
#include "settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool mac_parse(const char *text, uint8_t mac[6])
{
	int end = 0;

	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3],
		      &mac[4], &mac[5], &end) == 6 &&
	       !text[end];
}

void members_parse(char *text, struct member *members, uint32_t n)
{
	memset(members, 0, n * sizeof(*members));
	for (char *rest = text, *pair; *text && (pair = strsep(&rest, ","));) {
		char *mac = strchr(pair, '=');
		uint32_t index;

		if (!mac)
			fail(EXIT_USAGE, "--active takes pairs 'index=MAC', not '%s'.", pair);
		*mac++ = '\0';
		index = parse_number(pair, "A target's index", 0, n - 1);
		if (members[index].active)
			fail(EXIT_USAGE, "The target %u is given twice.", index);
		if (!mac_parse(mac, members[index].mac))
			fail(EXIT_USAGE, "'%s' is not a MAC address.", mac);
		members[index].active = true;
	}
}

static char *copied(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		fail(EXIT_ERROR, "Out of memory.");
	return copy;
}

static void add_vip(struct steer_config *steer, const char *text)
{
	uint8_t address[16];

	if (inet_pton(AF_INET, text, address) == 1 && steer->vip4s < STEER_VIPS)
		memcpy(&steer->vip4[steer->vip4s++], address, 4);
	else if (inet_pton(AF_INET6, text, address) == 1 && steer->vip6s < STEER_VIPS)
		memcpy(&steer->vip6[steer->vip6s++], address, 16);
	else
		fail(EXIT_USAGE, "'%s' is not an IP address, or there are more than %d of its family.", text,
		     STEER_VIPS);
}

static void find_device(const char *name, uint32_t *ifindex, uint8_t mac[6], uint32_t *mtu)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFINDEX, &request) < 0)
		fail(EXIT_ERROR, "Cannot find the interface '%s': %s.", name, strerror(errno));
	*ifindex = request.ifr_ifindex;
	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		fail(EXIT_ERROR, "Cannot read the MAC address of '%s': %s.", name, strerror(errno));
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	if (ioctl(fd, SIOCGIFMTU, &request) < 0)
		fail(EXIT_ERROR, "Cannot read the MTU of '%s': %s.", name, strerror(errno));
	*mtu = request.ifr_mtu;
	close(fd);
}

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
		{"active", 0, "INDEX=MAC,...", "active targets at the start", .text = &active},
		{"connections", 0, "N",
		 "size of the connection table, 0 for none; least recently used entries are replaced (0)",
		 .number = &s->connections, .max = 1u << 24},
		{"queues", 0, "N", "queues of both interfaces for --plane user (1)", .number = &s->queues,
		 .min = 1, .max = 64},
		{"broken", 0, "random", "random target per packet, to verify a test", .text = &broken},
	};
	const size_t own = 15;
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
	list = copied(vips);
	for (char *rest = list, *vip; *list && (vip = strsep(&rest, ","));)
		add_vip(&s->steer, vip);
	free(list);
	check(s);
	list = copied(active);
	members_parse(list, members, s->table.n);
	free(list);
	find_devices(s, devices);
}
