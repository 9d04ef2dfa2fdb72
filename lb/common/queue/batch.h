// SPDX-License-Identifier: Apache-2.0
/* Many packets of one queue in one read, and what answers them in one write. */
#ifndef LB_BATCH_H
#define LB_BATCH_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "netlink/send.h"

/*
 * Buffers of one thread. Messages lie side by side; what is longer than a copy goes on in a piece of its own,
 * whose memory is not touched before.
 */
struct batch {
	uint32_t n; /* messages at most */
	struct mmsghdr *messages;
	struct iovec (*pieces)[2];
	uint8_t *received, *spilled;
	uint8_t *joined; /* one message of two pieces */
	uint8_t *answers;
	size_t answers_size; /* filled so far */
};

/* For n messages with `copy` bytes of each packet, answered by at most `answer` bytes each. False: no memory.
 */
bool batch_init(struct batch *batch, uint32_t n, uint32_t copy, size_t answer);

void batch_free(struct batch *batch);

/* Waits for a packet, then takes those that are there; each datagram is one message. Returns their number, or
 * an error number below 0. */
int batch_receive(struct batch *batch, int fd);

/* The i-th message, in one piece, until the next call; NULL: it is none. */
struct nlmsghdr *batch_message(const struct batch *batch, int i);

/* Where the next answer goes; batch->answers_size grows by it. */
static inline void *batch_answer(struct batch *batch)
{
	return batch->answers + batch->answers_size;
}

/* One send for the whole batch, if the socket takes it: the kernel works through the messages in it. Returns
 * 0 or an error number. */
int batch_send(struct batch *batch, int fd, struct netlink_sent *sent);

#endif
