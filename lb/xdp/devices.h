// SPDX-License-Identifier: Apache-2.0
/* Interfaces, VIPs and targets from the words of a command line. Each fails with a sentence. */
#ifndef XDP_DEVICES_H
#define XDP_DEVICES_H

#include "steer.h"

/* A target by its index. */
struct member {
	uint8_t mac[6];
	uint16_t weight; /* 0: it is not active */
};

/* "0=00:00:00:01:01:01,3=00:00:00:01:01:04@2" or "" into members of a table of n; cut up in place. */
void members_parse(char *text, struct member *members, uint32_t n);

/* A list of addresses. */
void add_vips(struct steer_config *steer, const char *text);

void find_device(const char *name, uint32_t *ifindex, uint8_t mac[6], uint32_t *mtu);

#endif
