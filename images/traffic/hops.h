// SPDX-License-Identifier: Apache-2.0
/* Next hops of packets that are sent from below the kernel's routes. */
#ifndef TRAFFIC_HOPS_H
#define TRAFFIC_HOPS_H

#include <linux/if_packet.h>
#include <stdbool.h>
#include <stdint.h>

#define HOPS_MAX 16

struct hops {
	struct sockaddr_ll list[HOPS_MAX];
	uint32_t n;
};

bool parse_hops(const char *text, void *to); /* struct hops: "00:00:00:01:02:c9,..." */

/* Ends the program unless there are hops and a device to reach them by; makes them addresses of this family. */
void hops_check(struct hops *hops, const char *device, int family);

#endif
