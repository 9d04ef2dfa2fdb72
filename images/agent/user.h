// SPDX-License-Identifier: Apache-2.0
/* Namespaces of an ordinary user, who is root in them. */
#ifndef AGENT_USER_H
#define AGENT_USER_H

#include <sys/types.h>

/* Ends with why an ordinary user may not do this: each distribution has its own switch. */
void user_refused(const char *what) __attribute__((noreturn));

/* Root of the user namespace that this process has just made is this user. */
void user_map(uid_t uid, gid_t gid);

#endif
