// SPDX-License-Identifier: Apache-2.0
#include "packet/fragments.h"

#include <stdlib.h>
#include <string.h>

#include "table/hash.h"

#define NONE UINT32_MAX

/* A stored fragment, in the order of arrival. */
struct packet {
	struct packet *next;
	uint32_t size;
	uint8_t data[];
};

/* What a packet costs besides its bytes: its header, and malloc's. */
#define PACKET_OVERHEAD (sizeof(struct packet) + 16)

/* A datagram: either its first fragment was seen, or fragments wait for it. */
struct entry {
	struct fragment_key key;
	struct fragment_choice choice;
	uint64_t born_ns;
	struct packet *first, **last; /* waiting only */
	struct coverage passed;	      /* known only */
	uint32_t bytes;		      /* of them */
	uint32_t chain;		      /* next entry of the bucket, or of the free ones */
	uint32_t older, younger;
	bool known;
};

/* Entries of one kind, by age. */
struct queue {
	uint32_t oldest, youngest, length;
};

struct fragments {
	struct fragment_limits limits;
	uint32_t seed, mask;
	uint32_t bytes, free;
	struct queue queues[2]; /* waiting, known */
	uint64_t counts[FRAGMENT_COUNTS];
	uint32_t *buckets;
	struct entry *entries;
};

struct fragments *fragments_new(const struct fragment_limits *limits, uint32_t seed)
{
	struct fragments *f = calloc(1, sizeof(*f));
	uint32_t buckets = 1;

	if (!f)
		return NULL;
	while (buckets < limits->datagrams)
		buckets *= 2;
	*f = (struct fragments){.limits = *limits, .seed = seed, .mask = buckets - 1};
	f->queues[0] = f->queues[1] = (struct queue){NONE, NONE, 0};
	f->buckets = malloc(buckets * sizeof(*f->buckets));
	f->entries = calloc(limits->datagrams, sizeof(*f->entries));
	if (!f->buckets || !f->entries) {
		fragments_free(f);
		return NULL;
	}
	memset(f->buckets, 0xff, buckets * sizeof(*f->buckets));
	for (uint32_t i = 0; i < limits->datagrams; i++)
		f->entries[i].chain = i + 1 < limits->datagrams ? i + 1 : NONE;
	return f;
}

static uint32_t *bucket_of(struct fragments *f, const struct fragment_key *key)
{
	return &f->buckets[murmur3_32(key, sizeof(*key), f->seed) & f->mask];
}

static uint32_t find(struct fragments *f, const struct fragment_key *key)
{
	uint32_t at = *bucket_of(f, key);

	while (at != NONE && memcmp(&f->entries[at].key, key, sizeof(*key)) != 0)
		at = f->entries[at].chain;
	return at;
}

static void enqueue(struct fragments *f, uint32_t at)
{
	struct entry *e = &f->entries[at];
	struct queue *q = &f->queues[e->known];

	e->older = q->youngest;
	e->younger = NONE;
	*(q->youngest == NONE ? &q->oldest : &f->entries[q->youngest].younger) = at;
	q->youngest = at;
	q->length++;
}

static void dequeue(struct fragments *f, uint32_t at)
{
	const struct entry *e = &f->entries[at];
	struct queue *q = &f->queues[e->known];

	*(e->older == NONE ? &q->oldest : &f->entries[e->older].younger) = e->younger;
	*(e->younger == NONE ? &q->youngest : &f->entries[e->younger].older) = e->older;
	q->length--;
}

/* Empties the entry of its packets, first in first out. */
static void release(struct fragments *f, struct entry *e, enum fragment_count why,
		    void (*give_back)(void *context, const uint8_t *data, uint32_t size), void *context)
{
	while (e->first) {
		struct packet *packet = e->first;

		e->first = packet->next;
		if (give_back)
			give_back(context, packet->data, packet->size);
		free(packet);
		f->counts[why]++;
		f->counts[FRAGMENTS_WAITING]--;
	}
	f->bytes -= e->bytes;
	e->bytes = 0;
	e->last = &e->first;
}

static void forget(struct fragments *f, uint32_t at, enum fragment_count why)
{
	struct entry *e = &f->entries[at];
	uint32_t *link = bucket_of(f, &e->key);

	while (*link != at)
		link = &f->entries[*link].chain;
	*link = e->chain;
	dequeue(f, at);
	if (e->known && why == FRAGMENTS_REFUSED)
		f->counts[FRAGMENTS_FORGOTTEN]++;
	release(f, e, why, NULL, NULL);
	e->chain = f->free;
	f->free = at;
}

/* A new entry in the bucket, not yet in a queue. When all are taken the larger kind loses its oldest. */
static uint32_t add(struct fragments *f, const struct fragment_key *key)
{
	uint32_t *bucket, at;

	if (f->free == NONE)
		forget(f, f->queues[f->queues[1].length > f->queues[0].length].oldest, FRAGMENTS_REFUSED);
	at = f->free;
	f->free = f->entries[at].chain;
	bucket = bucket_of(f, key);
	f->entries[at] = (struct entry){.key = *key, .chain = *bucket};
	f->entries[at].last = &f->entries[at].first;
	*bucket = at;
	return at;
}

void fragments_free(struct fragments *f)
{
	if (!f)
		return;
	while (f->queues[0].oldest != NONE)
		forget(f, f->queues[0].oldest, FRAGMENTS_EXPIRED);
	free(f->buckets);
	free(f->entries);
	free(f);
}

void fragments_expire(struct fragments *f, uint64_t now)
{
	for (int known = 0; known < 2; known++) {
		const struct queue *q = &f->queues[known];

		while (q->oldest != NONE && now - f->entries[q->oldest].born_ns > f->limits.ttl_ns)
			forget(f, q->oldest, FRAGMENTS_EXPIRED);
	}
}

void fragments_first(struct fragments *f, const struct fragment_key *key,
		     const struct fragment_choice *choice, uint64_t now,
		     void (*give_back)(void *context, const uint8_t *data, uint32_t size), void *context)
{
	uint32_t at = find(f, key);
	struct entry *e;

	if (at == NONE)
		at = add(f, key);
	else
		dequeue(f, at);
	e = &f->entries[at];
	e->choice = *choice;
	e->born_ns = now;
	e->known = true;
	e->passed = (struct coverage){0}; /* the id may be used again */
	enqueue(f, at);
	release(f, e, FRAGMENTS_REINJECTED, give_back, context);
}

static bool store(struct fragments *f, uint32_t at, const uint8_t *data, uint32_t size)
{
	const uint32_t cost = size + PACKET_OVERHEAD;
	struct entry *e = &f->entries[at];
	struct packet *packet;

	if (cost > f->limits.bytes || e->bytes + cost > FRAGMENT_DATAGRAM_BYTES)
		return false;
	while (f->bytes + cost > f->limits.bytes) {
		const uint32_t oldest = f->queues[0].oldest;

		/* Driving out what it belongs to would leave a datagram with a hole. */
		if (oldest == at)
			return false;
		forget(f, oldest, FRAGMENTS_REFUSED);
	}
	packet = malloc(sizeof(*packet) + size);
	if (!packet)
		return false;
	*packet = (struct packet){.size = size};
	memcpy(packet->data, data, size);
	*e->last = packet;
	e->last = &packet->next;
	e->bytes += cost;
	f->bytes += cost;
	f->counts[FRAGMENTS_WAITING]++;
	return true;
}

bool fragments_later(struct fragments *f, const struct fragment_key *key, const uint8_t *data, uint32_t size,
		     uint64_t now, struct fragment_choice *choice)
{
	uint32_t at = find(f, key);

	if (at != NONE && f->entries[at].known) {
		*choice = f->entries[at].choice;
		return true;
	}
	if (at == NONE) {
		at = add(f, key);
		f->entries[at].born_ns = now;
		enqueue(f, at);
	}
	f->counts[store(f, at, data, size) ? FRAGMENTS_STORED : FRAGMENTS_REFUSED]++;
	return false;
}

void fragments_passed(struct fragments *f, const struct fragment_key *key,
		      const struct fragment_extent *extent)
{
	const uint32_t at = find(f, key);

	if (at == NONE || !f->entries[at].known || !coverage_add(&f->entries[at].passed, extent))
		return;
	forget(f, at, FRAGMENTS_EXPIRED);
	f->counts[FRAGMENTS_WHOLE]++;
}

const uint64_t *fragments_counts(const struct fragments *f)
{
	return f->counts;
}

uint32_t fragments_bytes(const struct fragments *f)
{
	return f->bytes;
}
