// SPDX-License-Identifier: Apache-2.0
/* Starts a program with a socket to netfilter as an open file, for languages that cannot open one; its number is in
 * NETLINK_FD. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/fail.h"
#include "netlink/request.h"

int main(int argc, char **argv)
{
	/* The kernel answers within the call that asks. */
	const struct timeval most = {.tv_sec = 2};
	const int opened = netlink_open(NETLINK_NETFILTER);
	const int fd = opened < 0 ? -1 : fcntl(opened, F_DUPFD, 3);
	char number[16];

	if (argc < 2)
		fail(EXIT_USAGE, "Try: netlink-exec PROGRAM [WORD...]");
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)) < 0)
		fail(EXIT_ERROR, "Cannot open a socket to netfilter: %s.", strerror(errno));
	snprintf(number, sizeof(number), "%d", fd);
	setenv("NETLINK_FD", number, 1);
	execvp(argv[1], argv + 1);
	fail(EXIT_ERROR, "Cannot start '%s': %s.", argv[1], strerror(errno));
}
