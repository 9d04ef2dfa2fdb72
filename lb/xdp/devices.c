// SPDX-License-Identifier: Apache-2.0
#include "devices.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/options.h"
#include "table/table.h"

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
		char *mac = strchr(pair, '='), *at = strchr(pair, '@');
		uint32_t index, weight = 1;

		if (!mac)
			fail(EXIT_USAGE, "Targets are pairs 'index=MAC', not '%s'.", pair);
		*mac++ = '\0';
		if (at) {
			*at = '\0';
			weight = parse_number(at + 1, "A target's weight", 1, WEIGHT_MAX);
		}
		index = parse_number(pair, "A target's index", 0, n - 1);
		if (members[index].weight)
			fail(EXIT_USAGE, "The target %u is given twice.", index);
		if (!mac_parse(mac, members[index].mac))
			fail(EXIT_USAGE, "'%s' is not a MAC address.", mac);
		members[index].weight = weight;
	}
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

void add_vips(struct steer_config *steer, const char *text)
{
	char *list = strdup(text);

	if (!list)
		fail(EXIT_ERROR, "Out of memory.");
	for (char *rest = list, *vip; *list && (vip = strsep(&rest, ","));)
		add_vip(steer, vip);
	free(list);
}

void find_device(const char *name, uint32_t *ifindex, uint8_t mac[6], uint32_t *mtu)
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
