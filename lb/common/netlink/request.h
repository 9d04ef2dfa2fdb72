// SPDX-License-Identifier: Apache-2.0
/* Netlink sockets, and requests that the kernel acknowledges. */
#ifndef LB_REQUEST_H
#define LB_REQUEST_H

#include <linux/netlink.h>

/* A socket that answers with the kernel's own words where it has some; -1 with errno set. */
int netlink_open(int protocol);

/*
 * Sends a request and, if it asks for one with NLM_F_ACK, waits for the acknowledgement. Returns 0 or an
 * errno; *words, unless NULL, are then the kernel's own or strerror()'s, valid until the next call.
 */
int netlink_request(int fd, const struct nlmsghdr *message, const char **words);

#endif
