// SPDX-License-Identifier: Apache-2.0
#include "hops.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <stdio.h>

#include "cli/fail.h"

bool parse_hops(const char *text, void *to)
{
	struct hops *hops = to;
	int used;

	for (hops->n = 0; hops->n < HOPS_MAX; text += used + 1) {
		struct sockaddr_ll *hop = &hops->list[hops->n++];
		uint8_t *mac = hop->sll_addr;

		if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", mac, mac + 1, mac + 2, mac + 3,
			   mac + 4, mac + 5, &used) != 6)
			return false;
		hop->sll_halen = 6;
		if (text[used] != ',')
			return text[used] == '\0';
	}
	return false;
}

void hops_check(struct hops *hops, const char *device, int family)
{
	const unsigned index = device ? if_nametoindex(device) : 0;

	if (!index || !hops->n)
		fail(EXIT_USAGE,
		     "Options are missing: --device of this machine, and --via with the MAC addresses "
		     "of the next hops.");
	for (uint32_t i = 0; i < hops->n; i++) {
		hops->list[i].sll_family = AF_PACKET;
		hops->list[i].sll_ifindex = (int)index;
		hops->list[i].sll_protocol = htons(family == AF_INET ? ETH_P_IP : ETH_P_IPV6);
	}
}
