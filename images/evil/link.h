// SPDX-License-Identifier: Apache-2.0
/* The frames of a network device, whole: with what their sender left to the hardware. */
#ifndef EVIL_LINK_H
#define EVIL_LINK_H

#include <linux/virtio_net.h>
#include <stdint.h>
#include <sys/types.h>

#define FRAME_MAX (65536 + 256)

struct frame {
	struct virtio_net_hdr offload;
	uint8_t data[FRAME_MAX];
};

/* Returns a socket; fails with a sentence. */
int link_open(const char *device);

/* Bytes of the next frame, its `offload` not among them; -1: there is none now. */
ssize_t link_receive(int fd, struct frame *frame);

/* 0, or why not: an error number. */
int link_send(int fd, const struct virtio_net_hdr *offload, const uint8_t *data, size_t size);

/* Frames that found no room in the socket since the last call. */
uint32_t link_overrun(int fd);

#endif
