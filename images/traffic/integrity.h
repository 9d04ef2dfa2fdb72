// SPDX-License-Identifier: Apache-2.0
/*
 * What a message carries so that both ends can tell whether it came as it was sent: its number, and a
 * checksum.
 *
 * Behind the first 64 bytes, over which servers write their names, stand tag (of connection and generation),
 * sequence number, a magic number, the message's size, and a checksum of them all (32 bytes, little endian).
 * What follows is the same in all messages, and compared byte by byte. Messages without the magic number, as
 * those of mconnect and ctraffic, or too short for it, are not checked.
 */
#ifndef TRAFFIC_INTEGRITY_H
#define TRAFFIC_INTEGRITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hosts.h"
#include "json/text.h"

#define MARK_AT HOST_NAME_BYTES
#define MARK_BYTES 32
#define CONTENT_AT (MARK_AT + MARK_BYTES)

/* Of messages that could be checked. `corrupt`: not as it was sent; `duplicates`: seen before; `reordered`:
 * not in the order in which they were sent; `late`: behind a bound. */
struct integrity {
	uint64_t checked, corrupt, duplicates, reordered, late;
};

void integrity_add(struct integrity *to, const struct integrity *from);
void integrity_json(struct text *text, const struct integrity *counts);

struct mark {
	uint64_t tag, sequence;
	uint32_t magic, bytes; /* bytes of the message */
	uint64_t sum;
};

enum mark_state { MARK_NONE, MARK_DAMAGED, MARK_GOOD };

/* Before all else: makes the content. */
void integrity_init(void);

/* Zeros for the name, room for the mark, and the content: `bytes` bytes. */
void integrity_fill(char *message, uint32_t bytes);

/* The mark of a message of `bytes` bytes, at MARK_AT of it. */
struct mark mark_make(uint64_t tag, uint64_t sequence, uint32_t bytes);

/* Reads MARK_BYTES bytes. One that lacks its magic number is damaged if the rest of it is right. */
enum mark_state mark_read(const char *from, struct mark *mark);

/* Whether `count` bytes are what stands at `at` in every message, at or behind CONTENT_AT. */
bool content_is_whole(const char *bytes, uint32_t at, size_t count);

/* Whether the name's place holds what the sender left there, which is nothing. */
bool bytes_are_zero(const char *bytes, size_t count);

/* A stream of messages, as a server sees it, which knows nothing of them. */
struct stream_check {
	char *partial;	 /* of a mark that came in parts */
	uint32_t at;	 /* bytes of the message under way */
	uint32_t bytes;	 /* of each message; 0: not known yet */
	uint32_t next;	 /* sequence number */
	bool off, wrong; /* there is no mark; the message under way is not as it was sent */
};

void stream_check(struct stream_check *check, const char *bytes, size_t count, struct integrity *counts);
void stream_check_end(struct stream_check *check);

/* A datagram as it came, before a name is written over it. */
void datagram_check(const char *bytes, size_t count, struct integrity *counts);

#endif
