// SPDX-License-Identifier: Apache-2.0
/*
 * AF_XDP sockets in pairs: one where frames come in, one where they leave, over one memory (UMEM). A frame
 * goes from the fill ring to the receive ring, the send ring, the completion ring, and back.
 */
#ifndef XDP_XSK_H
#define XDP_XSK_H

#include <stdbool.h>
#include <stdint.h>

struct xsk_ring {
	uint32_t *producer, *consumer;
	void *entries; /* descriptors of 16 bytes; on the fill and completion rings addresses of 8 */
	uint32_t mask;
	uint32_t at; /* our own end of it */
};

struct xsk {
	int fd; /* -1: none */
	struct xsk_ring fill, completion, receive, send;
};

struct xsk_pair {
	struct xsk in, out;
	struct xsk *sender; /* `in`, when frames leave by the interface where they came in */
	uint8_t *memory;
	uint32_t chunk; /* bytes of memory for each frame, a power of two */
	bool zero_copy;
};

struct xsk_frame {
	uint64_t address;
	uint32_t length;
};

/* Losses that the kernel counts at the sockets. */
struct xsk_drops {
	uint64_t no_buffer, ring_full, invalid;
};

/* Fails with a sentence. `mtu` is that of where frames come in; `zero_copy` takes it where the driver has it.
 */
void xsk_open(struct xsk_pair *pair, uint32_t in_ifindex, uint32_t out_ifindex, uint32_t mtu, uint32_t queue,
	      bool zero_copy);

uint32_t xsk_receive(struct xsk_pair *pair, struct xsk_frame *frames, uint32_t max);
uint32_t xsk_send_room(const struct xsk_pair *pair);
void xsk_send(struct xsk_pair *pair, const struct xsk_frame *frames, uint32_t n);
/* Frames that the kernel has not taken yet. */
uint32_t xsk_unsent(const struct xsk_pair *pair);
/* Has the kernel send some. Returns 0 or an errno that more calls do not help against. */
int xsk_kick(struct xsk_pair *pair);
uint32_t xsk_completed(struct xsk_pair *pair, uint64_t *addresses, uint32_t max);
void xsk_give_back(struct xsk_pair *pair, const uint64_t *addresses, uint32_t n);
/* The socket's pending error. */
int xsk_error(const struct xsk_pair *pair);
void xsk_drops(const struct xsk_pair *pair, struct xsk_drops *drops);

#endif
