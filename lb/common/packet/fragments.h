// SPDX-License-Identifier: Apache-2.0
/*
 * Fragments of one datagram meet here. Only the first one has ports; what it led to is remembered by {source,
 * destination, id} for a time, and fragments that come before it are kept until then. Pure memory and one
 * thread; the caller gives the time.
 *
 * All pools are bounded. When one is full the oldest entry gives way, so a flood shortens the memory for
 * everybody but never ends it: what matters is only that an entry lives longer than a datagram's fragments
 * are apart. Entries that wait for a first fragment can't drive out more than half of the pool.
 */
#ifndef LB_FRAGMENTS_H
#define LB_FRAGMENTS_H

#include "packet/coverage.h"
#include "packet/flow.h"

struct fragment_limits {
	uint32_t datagrams; /* remembered at most */
	uint32_t bytes;	    /* of stored fragments, their bookkeeping included */
	uint64_t ttl_ns;    /* how long a datagram is remembered, or waited for */
};

/* Of one datagram: more would not make a legal one. */
#define FRAGMENT_DATAGRAM_BYTES (128u << 10)

/* What a first fragment led to. The table does not look into it. */
struct fragment_choice {
	const void *set;
	uint64_t *counter;
	uint32_t hash;
};

enum fragment_count {
	FRAGMENTS_STORED,     /* came before their first one, and were kept */
	FRAGMENTS_REINJECTED, /* given back, in the order in which they came */
	FRAGMENTS_EXPIRED,    /* their first one did not come in time */
	FRAGMENTS_REFUSED,    /* no room, or driven out */
	FRAGMENTS_WAITING,    /* of the stored ones, those that are still there */
	FRAGMENTS_FORGOTTEN,  /* datagrams whose first fragment was driven out before its time */
	FRAGMENTS_WHOLE,      /* datagrams that were forgotten as all of their fragments had passed */
	FRAGMENT_COUNTS,
};

struct fragments;

/* `seed` should be unknown to senders. NULL: out of memory. */
struct fragments *fragments_new(const struct fragment_limits *limits, uint32_t seed);
void fragments_free(struct fragments *fragments);

/* Drops what is older than its time to live. `now` must never fall. */
void fragments_expire(struct fragments *fragments, uint64_t now);

/* Remembers what the first fragment led to, and gives back those that waited for it. */
void fragments_first(struct fragments *fragments, const struct fragment_key *key,
		     const struct fragment_choice *choice, uint64_t now,
		     void (*give_back)(void *context, const uint8_t *data, uint32_t size), void *context);

/* True: the choice of its first fragment. False: the fragment was stored, or refused. */
bool fragments_later(struct fragments *fragments, const struct fragment_key *key, const uint8_t *data,
		     uint32_t size, uint64_t now, struct fragment_choice *choice);

/*
 * A fragment of a known datagram went on: with the last missing one the datagram is forgotten, and its entry
 * is free. Fragments may repeat and overlap. Of a datagram with more than COVERAGE_RANGES holes at a time
 * nobody can tell, and time ends it.
 */
void fragments_passed(struct fragments *fragments, const struct fragment_key *key,
		      const struct fragment_extent *extent);

const uint64_t *fragments_counts(const struct fragments *fragments);

/* Bytes that stored fragments take now; for tests of the bound. */
uint32_t fragments_bytes(const struct fragments *fragments);

#endif
