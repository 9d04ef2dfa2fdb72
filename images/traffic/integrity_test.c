// SPDX-License-Identifier: Apache-2.0
/* Streams and datagrams as a server sees them: what was changed on the way is counted once, whatever the
 * pieces that it comes in, and what has no mark is left alone. */
#include "integrity.h"

#include <stdlib.h>
#include <string.h>

#include "util/check.h"

#define MESSAGES 20
#define BYTES 1000

static char stream[MESSAGES * BYTES];

static char *message(int i)
{
	return stream + i * BYTES;
}

static void stamp(int i, uint64_t sequence, uint32_t bytes)
{
	const struct mark mark = mark_make(77, sequence, bytes);

	memcpy(message(i) + MARK_AT, &mark, sizeof(mark));
}

static void make_stream(void)
{
	for (int i = 0; i < MESSAGES; i++) {
		integrity_fill(message(i), BYTES);
		stamp(i, (uint64_t)i, BYTES);
	}
}

/* In pieces of that size; each is memory of its own, so that the sanitizers see what is read beyond it. */
static struct integrity check_in(size_t piece)
{
	struct stream_check check = {0};
	struct integrity counts = {0};

	for (size_t at = 0; at < sizeof(stream); at += piece) {
		const size_t size = piece < sizeof(stream) - at ? piece : sizeof(stream) - at;
		char *copy = malloc(size);

		memcpy(copy, stream + at, size);
		stream_check(&check, copy, size, &counts);
		free(copy);
	}
	stream_check_end(&check);
	return counts;
}

static void expect(const char *what, uint64_t checked, uint64_t corrupt, uint64_t duplicates,
		   uint64_t reordered)
{
	static const size_t pieces[] = {sizeof(stream), BYTES, 1, 7, 64, 65, 80, 96, 97, 999, 1001, 4096};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		const struct integrity c = check_in(pieces[i]);

		CHECK(c.checked == checked && c.corrupt == corrupt && c.duplicates == duplicates &&
			      c.reordered == reordered,
		      "%s, in pieces of %zu: %lu checked, %lu corrupt, %lu duplicates, %lu reordered", what,
		      pieces[i], (unsigned long)c.checked, (unsigned long)c.corrupt,
		      (unsigned long)c.duplicates, (unsigned long)c.reordered);
	}
}

static void a_whole_stream_is_right(void)
{
	make_stream();
	expect("as it was sent", MESSAGES, 0, 0, 0);
}

/* Of any one message but the first, whose mark tells that there are marks at all. */
static void any_bit_that_changes_makes_one_message_corrupt(void)
{
	for (uint32_t at = 0; at < BYTES; at++) {
		struct integrity c;

		make_stream();
		message(3)[at] ^= (char)(1 << at % 8);
		c = check_in(300);
		CHECK(c.checked == MESSAGES && c.corrupt == 1, "byte %u: %lu of %lu corrupt", at,
		      (unsigned long)c.corrupt, (unsigned long)c.checked);
	}
	make_stream();
	message(0)[BYTES - 1] ^= 1;
	message(1)[0] ^= 1;
	message(1)[BYTES - 1] ^= 1;
	expect("the first two", MESSAGES, 2, 0, 0);
	make_stream();
	message(0)[MARK_AT] ^= 1;
	expect("the first mark, behind which nothing can be followed", 1, 1, 0, 0);
}

static void repeated_and_reordered_messages_are_told_apart(void)
{
	make_stream();
	memcpy(message(5), message(4), BYTES);
	/* 0..4, 4, 6..: the second 4 was seen, and 6 is not the next of it. */
	expect("one twice, in place of the next", MESSAGES, 0, 1, 1);
	make_stream();
	stamp(5, 6, BYTES);
	stamp(6, 5, BYTES);
	expect("two exchanged", MESSAGES, 0, 1, 2);
	make_stream();
	stamp(9, 9, BYTES - 1);
	expect("a size that is not that of the others", MESSAGES, 1, 0, 0);
}

static void what_has_no_mark_is_left_alone(void)
{
	memset(stream, 0, sizeof(stream));
	expect("zeros", 0, 0, 0, 0);
	for (size_t i = 0; i < sizeof(stream); i++)
		stream[i] = (char)(i * 31);
	expect("anything", 0, 0, 0, 0);
	/* Sizes that would lead astray. */
	make_stream();
	stamp(0, 0, CONTENT_AT - 1);
	expect("a message smaller than its mark", 0, 0, 0, 0);
	make_stream();
	stamp(0, 0, UINT32_MAX);
	expect("a message larger than there are", 0, 0, 0, 0);
}

static struct integrity datagram(size_t bytes)
{
	struct integrity counts = {0};
	char *copy = malloc(bytes ? bytes : 1);

	memcpy(copy, message(0), bytes);
	datagram_check(copy, bytes, &counts);
	free(copy);
	return counts;
}

static void datagrams_are_checked_one_by_one(void)
{
	struct integrity c;

	make_stream();
	c = datagram(BYTES);
	CHECK(c.checked == 1 && c.corrupt == 0, "whole");
	c = datagram(BYTES - 1);
	CHECK(c.checked == 1 && c.corrupt == 1, "cut");
	for (uint32_t at = 0; at < BYTES; at++) {
		message(0)[at] ^= 8;
		c = datagram(BYTES);
		CHECK(c.checked == 1 && c.corrupt == 1, "byte %u", at);
		message(0)[at] ^= 8;
	}
	for (size_t bytes = 0; bytes < CONTENT_AT; bytes++) {
		c = datagram(bytes);
		CHECK(c.checked == 0 && c.corrupt == 0, "%zu bytes have no mark", bytes);
	}
	memset(message(0), 0, BYTES);
	CHECK(datagram(BYTES).checked == 0, "zeros have no mark");
}

int main(void)
{
	integrity_init();
	a_whole_stream_is_right();
	any_bit_that_changes_makes_one_message_corrupt();
	repeated_and_reordered_messages_are_told_apart();
	what_has_no_mark_is_left_alone();
	datagrams_are_checked_one_by_one();
	return check_report("integrity");
}
