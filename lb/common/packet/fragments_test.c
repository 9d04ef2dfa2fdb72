// SPDX-License-Identifier: Apache-2.0
/* The fragment table: order, time, bounds, and how a flood fares. */
#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "packet/fragments.h"

#define MS 1000000ull
#define TTL (500 * MS)

static const struct fragment_limits roomy = {.datagrams = 64, .bytes = 1 << 20, .ttl_ns = TTL};

/* What came back, one letter a fragment. */
struct log {
	char text[64];
	size_t length;
};

static void note(void *context, const uint8_t *data, uint32_t size)
{
	struct log *log = context;

	CHECK(size == 1000 && data[0] == data[999], "%u bytes came back, not what was stored", size);
	log->text[log->length++] = data[0];
}

static struct fragment_key key_of(uint32_t id)
{
	struct fragment_key key = {.source = {1}, .destination = {2}, .protocol = 17};

	memcpy(key.id, &id, 4);
	return key;
}

static bool later(struct fragments *f, uint32_t id, char letter, uint64_t now, uint32_t *hash)
{
	const struct fragment_key key = key_of(id);
	struct fragment_choice choice;
	uint8_t *data = malloc(1000);
	bool known;

	memset(data, letter, 1000);
	known = fragments_later(f, &key, data, 1000, now, &choice);
	free(data);
	if (known && hash)
		*hash = choice.hash;
	return known;
}

static struct log first(struct fragments *f, uint32_t id, uint32_t hash, uint64_t now)
{
	const struct fragment_key key = key_of(id);
	const struct fragment_choice choice = {.hash = hash};
	struct log log = {0};

	fragments_first(f, &key, &choice, now, note, &log);
	return log;
}

static void check_count(const struct fragments *f, enum fragment_count which, uint64_t wanted)
{
	CHECK(fragments_counts(f)[which] == wanted, "count %d is %lu, not %lu", which,
	      (unsigned long)fragments_counts(f)[which], (unsigned long)wanted);
}

static void what_comes_early_comes_back_in_order(void)
{
	struct fragments *f = fragments_new(&roomy, 1);
	uint32_t hash = 0;
	struct log log;

	for (const char *letter = "cab"; *letter; letter++)
		CHECK(!later(f, 7, *letter, 0, NULL), "a fragment without its first one was let through");
	later(f, 8, 'x', 0, NULL);
	CHECK(fragments_bytes(f) > 4000, "%u bytes are stored", fragments_bytes(f));
	log = first(f, 7, 42, MS);
	CHECK(strcmp(log.text, "cab") == 0, "they came back as '%s'", log.text);
	CHECK(later(f, 7, 'd', 2 * MS, &hash) && hash == 42, "a later one does not follow: %u", hash);
	CHECK(strcmp(first(f, 8, 1, 3 * MS).text, "x") == 0, "the other datagram was mixed up");
	check_count(f, FRAGMENTS_STORED, 4);
	check_count(f, FRAGMENTS_REINJECTED, 4);
	check_count(f, FRAGMENTS_WAITING, 0);
	CHECK(fragments_bytes(f) == 0, "%u bytes stay", fragments_bytes(f));
	fragments_free(f);
}

static void datagrams_differ_by_every_part_of_their_identity(void)
{
	struct fragments *f = fragments_new(&roomy, 1);
	struct fragment_key key = key_of(7);
	struct fragment_choice choice = {.hash = 5};
	uint8_t *bytes = (uint8_t *)&key;

	fragments_first(f, &key, &choice, 0, note, NULL);
	for (size_t i = 0; i < 37; i++) {
		bytes[i] ^= 0x80;
		CHECK(!fragments_later(f, &key, bytes, 8, 0, &choice), "byte %zu does not count", i);
		bytes[i] ^= 0x80;
	}
	CHECK(fragments_later(f, &key, bytes, 8, 0, &choice), "the datagram itself is unknown");
	fragments_free(f);
}

static void time_ends_what_waits_and_what_is_known(void)
{
	struct fragments *f = fragments_new(&roomy, 1);

	later(f, 1, 'a', 0, NULL);
	first(f, 2, 9, 0);
	check_count(f, FRAGMENTS_WAITING, 1);
	fragments_expire(f, TTL);
	CHECK(later(f, 2, 'b', TTL, NULL), "forgotten before its time");
	fragments_expire(f, TTL + 1);
	check_count(f, FRAGMENTS_EXPIRED, 1);
	CHECK(fragments_bytes(f) == 0, "%u bytes stay", fragments_bytes(f));
	CHECK(!later(f, 2, 'c', TTL + 1, NULL), "known beyond its time");
	CHECK(first(f, 1, 9, TTL + 1).length == 0, "what had expired came back");
	fragments_free(f);
}

/* An id used again within its time: the latest first fragment counts. */
static void a_new_first_fragment_replaces_the_old(void)
{
	struct fragments *f = fragments_new(&roomy, 1);
	uint32_t hash = 0;

	first(f, 1, 10, 0);
	first(f, 1, 20, TTL);
	fragments_expire(f, TTL + 1);
	CHECK(later(f, 1, 'a', TTL + 1, &hash) && hash == 20, "%u", hash);
	fragments_free(f);
}

static void memory_is_bounded_under_a_flood_of_later_fragments(void)
{
	const struct fragment_limits small = {.datagrams = 1000, .bytes = 100000, .ttl_ns = TTL};
	struct fragments *f = fragments_new(&small, 1);
	uint32_t most = 0;

	first(f, 1, 42, 0);
	for (uint32_t i = 0; i < 100000; i++) {
		later(f, 1000 + i, 'x', i, NULL);
		most = fragments_bytes(f) > most ? fragments_bytes(f) : most;
		/* A datagram in the wrong order, 20 fragments of the flood apart, must not notice. */
		if (i % 500 == 0)
			later(f, i / 500 + 2, 'w', i, NULL);
		if (i % 500 == 20)
			CHECK(first(f, i / 500 + 2, 1, i).length == 1, "lost to the flood at %u", i);
		if (i % 500 == 40)
			CHECK(later(f, i / 500 + 2, 'z', i, NULL), "forgotten in the flood at %u", i);
	}
	CHECK(most <= small.bytes && most > small.bytes / 2, "%u bytes at most", most);
	CHECK(later(f, 1, 'z', 100000, NULL), "a known datagram was driven out by a flood of unknown ones");
	CHECK(fragments_counts(f)[FRAGMENTS_REFUSED] > 0, "nothing was refused");
	check_count(f, FRAGMENTS_FORGOTTEN, 0);
	fragments_free(f);
}

static void a_flood_of_first_fragments_drives_out_the_oldest(void)
{
	const struct fragment_limits small = {.datagrams = 100, .bytes = 100000, .ttl_ns = TTL};
	struct fragments *f = fragments_new(&small, 1);

	later(f, 7, 'w', 0, NULL);
	for (uint32_t i = 0; i < 1000; i++)
		first(f, 1000 + i, i, i);
	CHECK(later(f, 1999, 'a', 1000, NULL), "the youngest is gone");
	CHECK(later(f, 1999 - 98, 'a', 1000, NULL), "too many are gone");
	CHECK(strcmp(first(f, 7, 0, 1000).text, "w") == 0, "what waits was driven out by the larger kind");
	CHECK(!later(f, 1000, 'a', 1000, NULL), "the oldest stays");
	fragments_free(f);
}

static void one_datagram_cannot_take_all(void)
{
	struct fragments *f = fragments_new(&roomy, 1);

	for (int i = 0; i < 2000; i++)
		later(f, 1, 'a', 0, NULL);
	CHECK(fragments_bytes(f) <= FRAGMENT_DATAGRAM_BYTES, "%u bytes", fragments_bytes(f));
	CHECK(fragments_counts(f)[FRAGMENTS_REFUSED] > 1800, "hardly any was refused");
	fragments_free(f);
}

static bool knows(struct fragments *f, uint32_t id)
{
	const struct fragment_key key = key_of(id);
	struct fragment_choice choice;

	return fragments_later(f, &key, (const uint8_t *)&key, sizeof(key), 0, &choice);
}

/* Ranges of a datagram of 9 units, in the order in which they pass. */
static uint64_t whole_after(const char *ranges)
{
	struct fragments *f = fragments_new(&roomy, 1);
	const struct fragment_key key = key_of(7);
	uint64_t whole;

	first(f, 7, 1, 0);
	for (; ranges[0]; ranges += 2) {
		const struct fragment_extent extent = {ranges[0] - '0', ranges[1] - '0', ranges[1] == '9'};

		CHECK(knows(f, 7), "forgotten before '%s'", ranges);
		fragments_passed(f, &key, &extent);
	}
	whole = fragments_counts(f)[FRAGMENTS_WHOLE];
	CHECK(knows(f, 7) == !whole, "whole: %lu", (unsigned long)whole);
	fragments_free(f);
	return whole;
}

static void what_is_whole_is_forgotten(void)
{
	CHECK(whole_after("033669") == 1, "in order");
	CHECK(whole_after("693603") == 1, "reversed");
	CHECK(whole_after("036936") == 1, "the middle one last");
	CHECK(whole_after("0303036936") == 1, "repeated");
	CHECK(whole_after("04152869") == 1, "overlapping");
	CHECK(whole_after("0336") == 0, "without the last one");
	CHECK(whole_after("3669") == 0, "without the first one");
	CHECK(whole_after("0369") == 0, "with a hole");
	CHECK(whole_after("03030303") == 0, "of one part only");
}

/* Its places are those of other datagrams then: a table of 16 has room for any number that come one by one.
 */
static void room_is_free_again(void)
{
	const struct fragment_limits small = {.datagrams = 16, .bytes = 100000, .ttl_ns = TTL};
	struct fragments *f = fragments_new(&small, 1);

	first(f, 1, 1, 0);
	for (uint32_t id = 2; id < 100; id++) {
		const struct fragment_key key = key_of(id);

		first(f, id, id, 0);
		fragments_passed(f, &key, &(struct fragment_extent){0, 1, false});
		fragments_passed(f, &key, &(struct fragment_extent){1, 2, true});
	}
	CHECK(knows(f, 1), "driven out by what was whole");
	check_count(f, FRAGMENTS_FORGOTTEN, 0);
	check_count(f, FRAGMENTS_WHOLE, 98);
	fragments_free(f);
}

/* More parts than are told apart: it is kept until its time. And an id that is used again begins anew. */
static void who_cannot_tell_waits(void)
{
	struct fragments *f = fragments_new(&roomy, 1);
	const struct fragment_key key = key_of(7);

	first(f, 7, 1, 0);
	for (uint16_t i = 0; i < 2 * COVERAGE_RANGES + 2; i += 2)
		fragments_passed(f, &key, &(struct fragment_extent){i, i + 1, i == 2 * COVERAGE_RANGES});
	fragments_passed(f, &key, &(struct fragment_extent){0, 2 * COVERAGE_RANGES + 1, true});
	CHECK(knows(f, 7), "forgotten although it lost count");
	first(f, 7, 2, 0);
	fragments_passed(f, &key, &(struct fragment_extent){0, 1, false});
	CHECK(knows(f, 7), "the last fragment of another datagram counts");
	fragments_passed(f, &key, &(struct fragment_extent){1, 2, true});
	CHECK(!knows(f, 7), "not whole");
	fragments_free(f);
}

int main(void)
{
	what_comes_early_comes_back_in_order();
	datagrams_differ_by_every_part_of_their_identity();
	time_ends_what_waits_and_what_is_known();
	a_new_first_fragment_replaces_the_old();
	memory_is_bounded_under_a_flood_of_later_fragments();
	a_flood_of_first_fragments_drives_out_the_oldest();
	one_datagram_cannot_take_all();
	what_is_whole_is_forgotten();
	room_is_free_again();
	who_cannot_tell_waits();
	return check_report("fragments");
}
