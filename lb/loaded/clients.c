// SPDX-License-Identifier: Apache-2.0
#include "clients.h"

#include <stdlib.h>

#include "address.h"
#include "table/hash.h"

#define PARTS 64
#define NONE UINT32_MAX

struct client {
	uint8_t address[16];
	uint32_t seen_ms;
	uint32_t target; /* NO_TARGET: it is free */
	uint32_t next;	 /* in its bucket, or among the free */
};

struct part {
	_Alignas(64) pthread_mutex_t lock;
	struct client *list;
	uint32_t *buckets; /* first entry, or NONE */
	uint32_t used;	   /* entries that were ever taken */
	uint32_t free;	   /* first of those given back, or NONE */
};

struct clients {
	struct targets *targets;
	uint32_t limit, idle_ms;
	uint32_t room; /* of a part; a power of two, as is the number of its buckets */
	_Atomic uint32_t n;
	struct part parts[PARTS];
};

struct clients *clients_open(struct targets *targets, uint32_t limit, uint32_t idle_ms)
{
	struct clients *clients = aligned_alloc(64, sizeof(*clients));

	if (!clients)
		return NULL;
	*clients = (struct clients){.targets = targets, .limit = limit, .idle_ms = idle_ms, .room = 64};
	/* Twice its share: addresses do not spread evenly. Memory that nobody touches is none. */
	while (clients->room < limit / PARTS * 2)
		clients->room *= 2;
	for (int i = 0; i < PARTS; i++) {
		struct part *part = &clients->parts[i];

		pthread_mutex_init(&part->lock, NULL);
		part->list = malloc(clients->room * sizeof(*part->list));
		part->buckets = malloc(clients->room * sizeof(*part->buckets));
		part->free = NONE;
		if (!part->list || !part->buckets) {
			clients_close(clients);
			return NULL;
		}
		memset(part->buckets, 0xff, clients->room * sizeof(*part->buckets));
	}
	return clients;
}

void clients_close(struct clients *clients)
{
	for (int i = 0; i < PARTS; i++) {
		free(clients->parts[i].list);
		free(clients->parts[i].buckets);
	}
	free(clients);
}

/* An address's place: its part, locked, and its bucket there. */
struct place {
	struct part *part;
	uint32_t *bucket;
};

static struct place place_of(struct clients *clients, const uint8_t address[16])
{
	const uint32_t hash = murmur3_32(address, 16, 1);
	struct part *part = &clients->parts[hash % PARTS];

	return (struct place){part, &part->buckets[hash / PARTS % clients->room]};
}

static struct place enter(struct clients *clients, const uint8_t address[16])
{
	const struct place place = place_of(clients, address);

	pthread_mutex_lock(&place.part->lock);
	return place;
}

static void leave(const struct place *place)
{
	pthread_mutex_unlock(&place->part->lock);
}

static struct client *find(const struct place *place, const uint8_t address[16])
{
	for (uint32_t i = *place->bucket; i != NONE; i = place->part->list[i].next)
		if (address_equal(place->part->list[i].address, address))
			return &place->part->list[i];
	return NULL;
}

/* An entry without owner; NULL: the table is full. */
static struct client *claim(struct clients *clients, const struct place *place)
{
	struct part *part = place->part;
	struct client *client = NULL;

	if (atomic_fetch_add(&clients->n, 1) < clients->limit) {
		if (part->free != NONE) {
			client = &part->list[part->free];
			part->free = client->next;
		} else if (part->used < clients->room) {
			client = &part->list[part->used++];
		}
	}
	if (!client)
		atomic_fetch_sub(&clients->n, 1);
	return client;
}

static enum client_outcome add(struct clients *clients, const struct place *place, const uint8_t address[16],
			       struct client **added)
{
	struct client *client = claim(clients, place);

	if (!client)
		return CLIENT_NO_ROOM;
	client->target = targets_choose(clients->targets, address);
	if (client->target == NO_TARGET) {
		client->next = place->part->free;
		place->part->free = client - place->part->list;
		atomic_fetch_sub(&clients->n, 1);
		return CLIENT_NO_TARGET;
	}
	memcpy(client->address, address, 16);
	client->next = *place->bucket;
	*place->bucket = client - place->part->list;
	*added = client;
	return CLIENT_NEW;
}

static bool has_gone(const struct clients *clients, const struct client *client, uint32_t now_ms)
{
	(void)now_ms;
	return target_state(clients->targets, client->target) == TARGET_GONE;
}

static bool is_idle(const struct clients *clients, const struct client *client, uint32_t now_ms)
{
	/* One that has sent since `now_ms` was taken is not idle. */
	return (int32_t)(now_ms - client->seen_ms) >= (int32_t)clients->idle_ms;
}

/* Its target has left between its choice and now, or it was silent for too long. */
static enum client_outcome choose_again(struct clients *clients, struct client *client)
{
	const uint32_t target = targets_choose(clients->targets, client->address);

	if (target == NO_TARGET)
		return CLIENT_NO_TARGET;
	targets_release(clients->targets, client->target);
	client->target = target;
	return CLIENT_MOVED;
}

enum client_outcome clients_take(struct clients *clients, const uint8_t address[16], uint32_t now_ms,
				 uint32_t *target)
{
	const struct place place = enter(clients, address);
	enum client_outcome outcome = CLIENT_KNOWN;
	struct client *client = find(&place, address);

	if (!client)
		outcome = add(clients, &place, address, &client);
	else if (has_gone(clients, client, now_ms) || is_idle(clients, client, now_ms))
		outcome = choose_again(clients, client);
	if (outcome < CLIENT_NO_TARGET) {
		client->seen_ms = now_ms;
		*target = client->target;
	}
	leave(&place);
	return outcome;
}

uint32_t clients_target(struct clients *clients, const uint8_t address[16])
{
	const struct place place = enter(clients, address);
	const struct client *client = find(&place, address);
	const uint32_t target = client ? client->target : NO_TARGET;

	leave(&place);
	return target;
}

typedef bool (*is_over)(const struct clients *clients, const struct client *client, uint32_t now_ms);

/* Takes it out of its bucket, which it is in. */
static void unlink_client(struct clients *clients, struct part *part, uint32_t index)
{
	struct client *client = &part->list[index];
	uint32_t *at = place_of(clients, client->address).bucket;

	while (*at != index)
		at = &part->list[*at].next;
	*at = client->next;
	client->target = NO_TARGET;
	client->next = part->free;
	part->free = index;
}

/* By entries, not by buckets: this is done every second, and few of a million buckets may be in use. */
static uint32_t forget(struct clients *clients, struct part *part, is_over over, uint32_t now_ms)
{
	uint32_t forgotten = 0;

	for (uint32_t index = 0; index < part->used; index++) {
		struct client *client = &part->list[index];

		if (client->target == NO_TARGET || !over(clients, client, now_ms))
			continue;
		targets_release(clients->targets, client->target);
		unlink_client(clients, part, index);
		forgotten++;
	}
	return forgotten;
}

static uint32_t forget_all(struct clients *clients, is_over over, uint32_t now_ms)
{
	uint32_t forgotten = 0;

	for (int i = 0; i < PARTS; i++) {
		pthread_mutex_lock(&clients->parts[i].lock);
		forgotten += forget(clients, &clients->parts[i], over, now_ms);
		pthread_mutex_unlock(&clients->parts[i].lock);
	}
	atomic_fetch_sub(&clients->n, forgotten);
	return forgotten;
}

uint32_t clients_forget_gone(struct clients *clients)
{
	return forget_all(clients, has_gone, 0);
}

uint32_t clients_expire(struct clients *clients, uint32_t now_ms)
{
	return forget_all(clients, is_idle, now_ms);
}

uint32_t clients_count(const struct clients *clients)
{
	return atomic_load(&clients->n);
}
