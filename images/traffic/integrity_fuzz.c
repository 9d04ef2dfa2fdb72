// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target of what a server makes of a stream: the same counts whatever the pieces, and never more
 * corrupt messages than checked ones. The first byte says how long a piece is; a whole stream follows from
 * the second, and the others change it: two bytes say where, one how.
 */
#include <stdlib.h>
#include <string.h>

#include "integrity.h"

#define MESSAGES 6

static void require(bool condition)
{
	if (!condition)
		abort();
}

__attribute__((noreturn)) void fuzz_exit(int code);

__attribute__((noreturn)) void fuzz_exit(int code)
{
	(void)code;
	abort();
}

static struct integrity count(const char *stream, size_t size, size_t piece)
{
	struct stream_check check = {0};
	struct integrity counts = {0};

	for (size_t at = 0; at < size; at += piece) {
		const size_t part = piece < size - at ? piece : size - at;
		char *copy = malloc(part);

		memcpy(copy, stream + at, part);
		stream_check(&check, copy, part, &counts);
		free(copy);
	}
	stream_check_end(&check);
	return counts;
}

static void make(char *stream, uint32_t bytes)
{
	for (uint32_t i = 0; i < MESSAGES; i++) {
		const struct mark mark = mark_make(i, i, bytes);

		integrity_fill(stream + i * bytes, bytes);
		memcpy(stream + i * bytes + MARK_AT, &mark, sizeof(mark));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char stream[MESSAGES * (CONTENT_AT + 255)];
	struct integrity whole, parts;
	uint32_t bytes;

	if (size < 2)
		return 0;
	integrity_init();
	bytes = CONTENT_AT + data[1];
	make(stream, bytes);
	for (size_t i = 2; i + 2 < size; i += 3)
		stream[(data[i] | (size_t)data[i + 1] << 8) % (MESSAGES * bytes)] ^= (char)data[i + 2];
	whole = count(stream, MESSAGES * bytes, sizeof(stream));
	parts = count(stream, MESSAGES * bytes, data[0] + 1u);
	require(memcmp(&whole, &parts, sizeof(whole)) == 0);
	require(whole.corrupt <= whole.checked && whole.checked <= MESSAGES);
	if (size == 2)
		require(whole.checked == MESSAGES && whole.corrupt == 0 && whole.reordered == 0);
	datagram_check(stream, bytes, &whole);
	return 0;
}
