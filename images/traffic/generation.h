// SPDX-License-Identifier: Apache-2.0
/* `traffic fragments`: the state that its parts share. fragments.c has the options, generator.c the loop and
 * the receipts, fragments_out.c sends. */
#ifndef TRAFFIC_GENERATION_H
#define TRAFFIC_GENERATION_H

#include <sys/socket.h>
#include <sys/uio.h>

#include "state.h"
#include "fragment.h"
#include "hops.h"

#define BATCH 64
#define INTERLEAVED 4		 /* datagrams whose fragments are mixed */
#define HELD_NS (50 * NS_PER_MS) /* for that they may wait so long */
#define SMALLEST 1600		 /* bytes of payload: more than an MTU */
#define UDP_MAX (65535 - 48)

/* Of a datagram that was sent. */
struct sent {
	uint32_t flow;
	bool incomplete, arrived;
};

struct tally {
	uint64_t sent, arrived, incomplete, incomplete_delivered, corrupt, duplicates, wrong_target;
};

/* One datagram on its way out. */
struct outgoing {
	uint8_t *udp;
	struct fragment *list;
	uint32_t count, next;
};

struct generator {
	struct client client;
	struct hops hops;
	uint32_t mtu, bytes;
	enum pattern patterns[PATTERNS];
	uint32_t patterns_n;
	int packet_fd;
	uint64_t random, fragments, total, numbered, missing;
	uint64_t held_since_ns;
	struct outgoing alone, held[INTERLEAVED];
	uint32_t held_n;
	struct sent *sent;
	struct tally tallies[PATTERNS];
	/* A batch of fragments for one sendmmsg. */
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH][2];
	uint32_t batch_n;
};

static inline enum pattern pattern_of(const struct generator *g, uint32_t flow)
{
	return g->patterns[flow % g->patterns_n];
}

#endif
