// SPDX-License-Identifier: Apache-2.0
/* Many netlink messages in few system calls. */
#ifndef LB_SEND_H
#define LB_SEND_H

#include <stddef.h>
#include <stdint.h>

struct netlink_sent {
	uint64_t calls;	  /* that the kernel took */
	uint64_t skipped; /* messages that it did not take, however often they were sent alone */
};

/*
 * Sends `size` bytes of messages, one behind the other, in one call where the socket takes it and in parts
 * where not: a send buffer that is too small (EMSGSIZE) and a kernel short of memory (ENOBUFS, ENOMEM,
 * EAGAIN) are no reason to give up. Returns 0, or the errno of a socket that is of no use any more.
 */
int netlink_send_all(int fd, const void *messages, size_t size, struct netlink_sent *sent);

/* Has the socket take so many bytes at once, as far as this process may. */
void netlink_size_send_buffer(int fd, size_t bytes);

#endif
