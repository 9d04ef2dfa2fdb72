// SPDX-License-Identifier: Apache-2.0
#include "netlink/send.h"

#include <errno.h>
#include <limits.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>

/* How often a message alone is sent before it is skipped, and the pause between. */
enum { ATTEMPTS = 20, PAUSE_NS = 500000 };

/* The kernel keeps a little of it for itself, and counts twice what it is told. */
void netlink_size_send_buffer(int fd, size_t bytes)
{
	const int size = bytes < INT_MAX / 2 ? (int)bytes : INT_MAX / 2;
	int now = 0;
	socklen_t length = sizeof(now);

	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &now, &length) == 0 && now / 2 >= size)
		return;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static bool passes(int error)
{
	return error == EMSGSIZE || error == ENOBUFS || error == ENOMEM || error == EAGAIN || error == EINTR;
}

/* As many whole messages as fit into `most` bytes, but one at least. */
static size_t part_of(const uint8_t *at, size_t left, size_t most)
{
	size_t size = 0;

	while (size < left) {
		const size_t next = NLMSG_ALIGN(((const struct nlmsghdr *)(at + size))->nlmsg_len);

		if (size && size + next > most)
			break;
		size += next;
	}
	return size < left ? size : left;
}

int netlink_send_all(int fd, const void *messages, size_t size, struct netlink_sent *sent)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	const uint8_t *at = messages, *end = at + size;
	size_t most = size;
	int attempts = 0;

	while (at < end) {
		const size_t part = part_of(at, (size_t)(end - at), most);
		const bool alone = part == part_of(at, (size_t)(end - at), 1);

		if (send(fd, at, part, 0) >= 0) {
			sent->calls++;
			at += part;
			attempts = 0;
			continue;
		}
		if (!passes(errno))
			return errno;
		if (errno == EINTR)
			continue;
		if (!alone) {
			most = part / 2;
		} else if (errno == EMSGSIZE || ++attempts == ATTEMPTS) {
			sent->skipped++;
			at += part;
			attempts = 0;
		} else {
			nanosleep(&pause, NULL);
		}
	}
	return 0;
}
