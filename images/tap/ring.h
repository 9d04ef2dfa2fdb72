// SPDX-License-Identifier: Apache-2.0
/*
 * Frames that machines send, as they come into the ports of the fabric: one AF_PACKET socket over all of its
 * devices, with a ring that the kernel fills (TPACKET_V3, packet(7)). Frames on their way out of ports are
 * not seen, so each frame is seen once a hop, and the kernel copies none for it.
 */
#ifndef TAP_RING_H
#define TAP_RING_H

#include <linux/if_packet.h>
#include <stdbool.h>
#include <stdint.h>

#include "out.h"

struct ring {
	int fd;
	int epoll;
	uint8_t *map;
	uint32_t blocks;
	uint32_t next;	 /* block that the kernel fills now or gave last */
	uint32_t oldest; /* of those that are held */
	uint32_t held;
};

/*
 * `mebibytes` of memory; a block is given when it is full, or after `retire_ms`; control: only TCP with SYN,
 * FIN or RST, ICMP and tunnels. Exits on failure.
 */
void ring_open(struct ring *ring, uint32_t mebibytes, uint32_t retire_ms, bool control);
void ring_close(struct ring *ring);

/* Until the kernel gives a block; false: a signal came instead (util/signals.h). */
bool ring_wait(const struct ring *ring, int signals);

/* The next block that the kernel has given, which is held from then on; NULL: there is none. */
const struct tpacket_block_desc *ring_take(struct ring *ring);

/* The oldest block that is held, and what gives it back to the kernel. */
const struct tpacket_block_desc *ring_oldest(const struct ring *ring);
void ring_give_back(struct ring *ring);

/* Frames that the kernel had no room for since it was asked last. */
uint64_t ring_dropped(const struct ring *ring);

/* Times are CLOCK_REALTIME. The first frame of a block for `frame` NULL, else the next one; false: there is
 * none. */
struct block_reader {
	const struct tpacket3_hdr *at;
	uint32_t left;
};
void block_begin(struct block_reader *reader, const struct tpacket_block_desc *block);
bool block_next(struct block_reader *reader, struct captured *frame);

#endif
