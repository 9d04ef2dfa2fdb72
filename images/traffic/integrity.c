// SPDX-License-Identifier: Apache-2.0
#include "integrity.h"

#include <string.h>

#include "json/json.h"
#include "util/memory.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "marks are little endian");
_Static_assert(sizeof(struct mark) == MARK_BYTES, "a mark as it travels");

#define MAGIC 0x4d424c31u /* "1LBM" */
#define LARGEST (1u << 20)
#define PERIOD 4096 /* of the content; small, so that it stays in the nearest cache */

static char content[PERIOD];

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* Cheap, as it is made and checked for every message; what a bit changes in the first sum, mixing spreads. */
static uint64_t sum_of(const struct mark *mark)
{
	return mix(mark->tag * 0x9e3779b97f4a7c15ULL + mark->sequence * 0xd1342543de82ef95ULL +
		   ((uint64_t)mark->magic << 32 | mark->bytes));
}

void integrity_init(void)
{
	for (size_t i = 0; i < sizeof(content); i += sizeof(uint64_t)) {
		const uint64_t word = mix(i + 1);

		memcpy(content + i, &word, sizeof(word));
	}
}

void integrity_add(struct integrity *to, const struct integrity *from)
{
	to->checked += from->checked;
	to->corrupt += from->corrupt;
	to->duplicates += from->duplicates;
	to->reordered += from->reordered;
	to->late += from->late;
}

void integrity_json(struct text *text, const struct integrity *counts)
{
	json_object(text, "integrity");
	json_number(text, "checked", counts->checked);
	json_number(text, "corrupt", counts->corrupt);
	json_number(text, "duplicates", counts->duplicates);
	json_number(text, "reordered", counts->reordered);
	json_number(text, "late", counts->late);
	json_object_end(text);
}

void integrity_fill(char *message, uint32_t bytes)
{
	memset(message, 0, bytes < CONTENT_AT ? bytes : CONTENT_AT);
	for (uint32_t at = CONTENT_AT; at < bytes; at++)
		message[at] = content[at % PERIOD];
}

struct mark mark_make(uint64_t tag, uint64_t sequence, uint32_t bytes)
{
	struct mark mark = {.tag = tag, .sequence = sequence, .magic = MAGIC, .bytes = bytes};

	mark.sum = sum_of(&mark);
	return mark;
}

enum mark_state mark_read(const char *from, struct mark *mark)
{
	memcpy(mark, from, sizeof(*mark));
	if (mark->magic == MAGIC)
		return mark->sum == sum_of(mark) ? MARK_GOOD : MARK_DAMAGED;
	mark->magic = MAGIC;
	return mark->sum == sum_of(mark) ? MARK_DAMAGED : MARK_NONE;
}

bool content_is_whole(const char *bytes, uint32_t at, size_t count)
{
	while (count) {
		const size_t from = at % PERIOD, part = count < PERIOD - from ? count : PERIOD - from;

		if (memcmp(bytes, content + from, part) != 0)
			return false;
		bytes += part;
		at += (uint32_t)part;
		count -= part;
	}
	return true;
}

bool bytes_are_zero(const char *bytes, size_t count)
{
	static const char zeros[HOST_NAME_BYTES];

	return memcmp(bytes, zeros, count < sizeof(zeros) ? count : sizeof(zeros)) == 0;
}

/* The mark of the next message of a stream. */
static void take_mark(struct stream_check *check, const char *bytes, struct integrity *counts)
{
	struct mark mark;
	const enum mark_state state = mark_read(bytes, &mark);

	if (check->bytes == 0) {
		/* Without a size that can be trusted there is no way to follow. */
		check->off = state != MARK_GOOD || mark.bytes < CONTENT_AT || mark.bytes > LARGEST;
		if (state == MARK_DAMAGED) {
			counts->checked++;
			counts->corrupt++;
		}
		check->bytes = mark.bytes;
	}
	check->at = CONTENT_AT;
	if (state != MARK_GOOD || mark.bytes != check->bytes) {
		check->wrong = true;
		check->next++; /* it was the next one, for all that is known */
		return;
	}
	counts->duplicates += mark.sequence < check->next;
	counts->reordered += mark.sequence > check->next;
	check->next = (uint32_t)mark.sequence + 1;
}

/* Returns how many of the bytes belong to the mark; it is kept until all of it is there. */
static size_t collect_mark(struct stream_check *check, const char *bytes, size_t count,
			   struct integrity *counts)
{
	const size_t have = check->at - MARK_AT, part = count < MARK_BYTES - have ? count : MARK_BYTES - have;

	if (part == MARK_BYTES) {
		take_mark(check, bytes, counts);
		return part;
	}
	if (!check->partial)
		check->partial = allocate(MARK_BYTES);
	memcpy(check->partial + have, bytes, part);
	check->at += (uint32_t)part;
	if (check->at == CONTENT_AT) {
		take_mark(check, check->partial, counts);
		stream_check_end(check);
	}
	return part;
}

/* Returns how many bytes were looked at. */
static size_t check_part(struct stream_check *check, const char *bytes, size_t count,
			 struct integrity *counts)
{
	const uint32_t end = check->at < MARK_AT ? MARK_AT : check->bytes;
	size_t part = end - check->at;

	if (check->at >= MARK_AT && check->at < CONTENT_AT)
		return collect_mark(check, bytes, count, counts);
	if (part > count)
		part = count;
	/* The first one may be of another program, which is known when its mark is missing. */
	if (check->at < MARK_AT)
		check->wrong |= check->bytes && !bytes_are_zero(bytes, part);
	else
		check->wrong |= !content_is_whole(bytes, check->at, part);
	check->at += (uint32_t)part;
	return part;
}

void stream_check(struct stream_check *check, const char *bytes, size_t count, struct integrity *counts)
{
	while (count && !check->off) {
		const size_t part = check_part(check, bytes, count, counts);

		bytes += part;
		count -= part;
		if (check->at < MARK_AT || check->at != check->bytes || check->off)
			continue;
		counts->checked++;
		counts->corrupt += check->wrong;
		check->wrong = false;
		check->at = 0;
	}
}

void stream_check_end(struct stream_check *check)
{
	if (check->partial)
		release(check->partial);
	check->partial = NULL;
}

void datagram_check(const char *bytes, size_t count, struct integrity *counts)
{
	struct mark mark;
	enum mark_state state;

	if (count < CONTENT_AT)
		return;
	state = mark_read(bytes + MARK_AT, &mark);
	if (state == MARK_NONE)
		return;
	counts->checked++;
	counts->corrupt += state != MARK_GOOD || mark.bytes != count ||
			   !bytes_are_zero(bytes, HOST_NAME_BYTES) ||
			   !content_is_whole(bytes + CONTENT_AT, CONTENT_AT, count - CONTENT_AT);
}
