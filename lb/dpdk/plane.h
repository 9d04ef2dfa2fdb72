// SPDX-License-Identifier: Apache-2.0
/* DPDK's part: two ports over AF_PACKET, and frames from one to the other. No header of DPDK is needed to use it. */
#ifndef DPDK_PLANE_H
#define DPDK_PLANE_H

#include <stdbool.h>
#include <stdint.h>

struct plane;

/* What is done with a frame of so many bytes; it may be changed. True: it is sent. */
typedef bool (*plane_steer)(void *context, uint8_t *frame, uint32_t size);

struct plane_counts {
	uint64_t polls, sleeps;
	uint64_t refused; /* frames that the second port did not take */
	uint64_t missed;  /* that found no room at the first one */
};

/* Starts DPDK and both ports; fails with a sentence. `mtu` is the larger one of the two devices. */
struct plane *plane_open(const char *ingress, const char *egress, uint32_t mtu);

/* Takes what is there, up to a batch, and sends what `steer` says. Returns how many frames came. */
uint32_t plane_poll(struct plane *plane, plane_steer steer, void *context);

/* After a poll that brought `n` frames: sleeps where none have come for a while. */
void plane_rest(struct plane *plane, uint32_t n);

void plane_counts(const struct plane *plane, struct plane_counts *counts);
void plane_close(struct plane *plane);

#endif
