// SPDX-License-Identifier: Apache-2.0
/* Names of sockets that lie in no file system, and who may use them. */
#ifndef LB_CONTROL_ADDRESS_H
#define LB_CONTROL_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The address of a balancer's socket; fails when the name is too long. */
socklen_t control_address(const char *name, const char *suffix, struct sockaddr_un *address);

/* Whoever is in the network namespace can connect, but only our own user is answered. */
bool control_is_trusted(int fd);

#endif
