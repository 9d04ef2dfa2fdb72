// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_NETLINK_PROGRAMS_H
#define AGENT_NETLINK_PROGRAMS_H

/* Programs of the agent that speak netlink; builtin.h says what they do. Both return the exit code. */
int nexthop_groups(void);
int conntrack_forget(char *const addresses[]);

#endif
