// SPDX-License-Identifier: Apache-2.0
/* One netfilter queue over raw netlink: bind it, read its packets, write verdicts. */
#ifndef LB_QUEUE_H
#define LB_QUEUE_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue_options {
	uint32_t length;  /* packets the kernel may hold */
	uint32_t copy;	  /* bytes of each packet to hand over */
	uint32_t buffer;  /* bytes of kernel memory for packets on their way to user space; 0: as length needs
			   */
	uint32_t answers; /* bytes of verdicts to hand over at once */
	bool fail_open;	  /* a full queue lets packets pass instead of dropping them */
	/* Packets are handed over as they are to leave: split into segments and with their checksums, so that
	 * they may be changed. Else large ones come whole, which is much cheaper. */
	bool finished;
};

struct queued_packet {
	uint32_t id;
	uint32_t mark;
	uint32_t length;   /* of the packet */
	uint32_t captured; /* of it at data */
	const uint8_t *data;
};

/* Room for a message besides the packet's bytes: headers, interfaces, mark, time stamp, hardware address. */
#define QUEUE_MESSAGE_OVERHEAD 512

/* Of a verdict on a packet that stays as it is. */
#define QUEUE_VERDICT_SIZE 40
#define QUEUE_COPY_SIZE 32

/* The most that the kernel copies of a packet. */
#define QUEUE_COPY_MAX 65531

/* The socket of the bound queue; exits with a clear sentence when it can't be. */
int queue_open(uint16_t queue, const struct queue_options *options);

/* Reading the socket ends after this time without a packet. */
void queue_set_timeout(int fd, uint32_t ms);

/* Bytes of queued packets that the socket can hold. */
uint32_t queue_receive_buffer(int fd);

/* Makes a reader of the socket return: the kernel acknowledges an empty message. */
void queue_wake(int fd);

/* Writes a message of at most QUEUE_COPY_SIZE bytes that has `copy` bytes of each packet handed over from
 * then on; returns its size. */
size_t queue_copy(void *buffer, uint16_t queue, uint32_t copy);

/* Of a message that the kernel refused. */
bool queue_is_config(const struct nlmsghdr *message);

/* False: not a packet. */
bool queue_decode(const struct nlmsghdr *message, struct queued_packet *packet);

/* Writes a verdict message of at most QUEUE_VERDICT_SIZE bytes; returns its size. No mark: it stays as it is.
 */
size_t queue_verdict(void *buffer, uint16_t queue, uint32_t id, uint32_t verdict, const uint32_t *mark);

/* Accepts the packet with these bytes in its place; of at most QUEUE_VERDICT_SIZE + size bytes. */
size_t queue_accept_changed(void *buffer, uint16_t queue, const struct queued_packet *packet);

#endif
