// SPDX-License-Identifier: Apache-2.0
/* What a guest in virtual time shares with its host: a device of shared memory, and a port at which the
 * guest's processor stands still until the host has had its turn. Nothing else goes in: no interrupt of the
 * host's ever comes to the guest, so that what it does depends on its seed and on what was put here alone.
 *
 * A turn: the guest writes `out`, `now` and BOX_FREEZE bytes to the port; more than the port's channel holds,
 * so that it stands still in the middle of them. The host takes `out`, writes `in` and `until`, and takes the
 * bytes out of the channel.
 */
#ifndef AGENT_BOX_H
#define AGENT_BOX_H

#include "frame.h"

enum {
	BOX_SIZE = 8 << 20,
	BOX_PART = BOX_SIZE / 2 - 4096,
	/* A unix socket holds some 300 messages of one byte by default, and 10 of the least that it can be told. */
	BOX_FREEZE = 64,
	BOX_PORT = 0xe9,
};

struct box {
	/* by the guest */
	int64_t now; /* its CLOCK_MONOTONIC, ns */
	uint32_t out_length;
	uint32_t out_more; /* another turn brings further bytes */
	/* by the host */
	int64_t until; /* the guest wants a turn then at the latest */
	uint32_t in_length;
	uint32_t in_more;
	char zero[4096 - 32];
	char out[BOX_PART];
	char in[BOX_PART];
	char end[4096];
};
_Static_assert(sizeof(struct box) == BOX_SIZE, "a PCI device's memory is a power of 2");

/* The guest's end. Finds the device; -1 with errno where there is none. */
int box_open(void);
/* One turn of the host's, or as many as it takes: what `frame_send` has kept goes out, what comes is appended
 * to `commands`. Returns the time at which the guest is to have the next one. */
int64_t box_turn(struct buffer *commands);

/* The host's end: starts QEMU with argv and hands turns on, from and to stdin and stdout. Returns the exit
 * code. QEMU finds the memory at descriptor BOX_FD and the port's channel at FREEZE_FD.
 *
 * From stdin: uint32 length, int64 until, bytes. To stdout: uint32 length, int64 now, bytes. The guest's
 * first turn comes unasked; then each side waits for the other. */
enum { BOX_FD = 20, FREEZE_FD = 21, EXIT_STILL = 98, EXIT_ENDLESS = 99 };
int outside(char *argv[]);

#endif
