// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_NETLINK_H
#define AGENT_NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>

/* Programs of the agent that speak netlink; builtin.h says what they do. Both return the exit code. */
int nexthop_groups(void);
int conntrack_forget(char *const addresses[]);

/* A socket that answers with the kernel's own words where it has some; -1 after a complaint. */
int netlink_open(int protocol);
/* Appends an attribute behind a message; there must be room. */
struct rtattr *netlink_attribute(struct nlmsghdr *message, unsigned short type, const void *data,
				 size_t size);
/* Sends a request with NLM_F_ACK; returns 0 after the kernel has taken it, 1 after a complaint about `what`.
 */
int netlink_request(int fd, const struct nlmsghdr *message, const char *what);

#endif
