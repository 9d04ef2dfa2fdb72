// SPDX-License-Identifier: Apache-2.0
#include "fragment.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

#include "internet.h"

#define FRAGMENT_HEADER 8

const char *const pattern_names[PATTERNS] = {"in_order",    "reversed",	  "shuffled",	 "gaps",
					     "interleaved", "duplicated", "overlapping", "headless"};

uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

void udp_header_write(uint8_t *udp, const union address *from, const union address *to, uint32_t bytes)
{
	const uint32_t total = UDP_HEADER + bytes;
	const uint64_t ends = sum_address(to, sum_address(from, IPPROTO_UDP + total));
	uint16_t checksum;

	put16(udp, address_port(from));
	put16(udp + 2, address_port(to));
	put16(udp + 4, total);
	put16(udp + 6, 0);
	checksum = fold(sum_words(udp, total, ends));
	put16(udp + 6, checksum ? checksum : 0xffff); /* 0 means "none" */
}

static void write_ip4(struct fragment *f, const union address *from, const union address *to, uint32_t id,
		      bool more)
{
	uint8_t *h = f->header;

	h[0] = 0x45;
	put16(h + 2, IP4_HEADER + f->bytes);
	put16(h + 4, id);
	put16(h + 6, f->at / 8 | (more ? IP_MF : 0));
	h[8] = TTL;
	h[9] = IPPROTO_UDP;
	memcpy(h + 12, &from->v4.sin_addr, 4);
	memcpy(h + 16, &to->v4.sin_addr, 4);
	put16(h + 10, fold(sum_words(h, IP4_HEADER, 0)));
	f->header_bytes = IP4_HEADER;
}

static void write_ip6(struct fragment *f, const union address *from, const union address *to, uint32_t id,
		      bool more)
{
	uint8_t *h = f->header;

	h[0] = 0x60;
	put16(h + 4, FRAGMENT_HEADER + f->bytes);
	h[6] = IPPROTO_FRAGMENT;
	h[7] = TTL;
	memcpy(h + 8, &from->v6.sin6_addr, 16);
	memcpy(h + 24, &to->v6.sin6_addr, 16);
	h[IP6_HEADER] = IPPROTO_UDP;
	put16(h + IP6_HEADER + 2, f->at | more); /* the offset in units of 8 bytes, 3 bits up */
	put32(h + IP6_HEADER + 4, id);
	f->header_bytes = IP6_HEADER + FRAGMENT_HEADER;
}

uint32_t fragments_cut(const union address *from, const union address *to, uint32_t id, uint32_t bytes,
		       uint32_t mtu, struct fragment *list)
{
	const bool v4 = from->any.sa_family == AF_INET;
	const uint32_t each = (mtu - (v4 ? IP4_HEADER : IP6_HEADER + FRAGMENT_HEADER)) & ~7u;
	uint32_t count = 0;

	for (uint32_t at = 0; at < bytes; at += each, count++) {
		struct fragment *f = &list[count];

		*f = (struct fragment){.at = at, .bytes = bytes - at < each ? bytes - at : each};
		(v4 ? write_ip4 : write_ip6)(f, from, to, id, at + each < bytes);
	}
	return count;
}

static void swap(struct fragment *a, struct fragment *b)
{
	const struct fragment c = *a;

	*a = *b;
	*b = c;
}

/* The last one is not sent twice: it would open a new datagram at the receiver, whose other parts never come.
 */
static uint32_t duplicate(struct fragment *list, uint32_t count)
{
	const uint32_t doubled = 2 * count - 1;

	for (uint32_t i = count; i-- > 0;) {
		list[2 * i] = list[i];
		if (2 * i + 1 < doubled)
			list[2 * i + 1] = list[i];
	}
	return doubled;
}

/* The same bytes, 8 bytes too early. */
static void shift(struct fragment *f)
{
	uint8_t *offset = f->header + (f->header[0] >> 4 == 4 ? 6 : IP6_HEADER + 2);
	const uint32_t value = (uint32_t)offset[0] << 8 | offset[1];

	if (f->header[0] >> 4 == 6) {
		put16(offset, value - 8);
		return;
	}
	put16(offset, value - 1);
	put16(f->header + 10, 0);
	put16(f->header + 10, fold(sum_words(f->header, IP4_HEADER, 0)));
}

/* One more, which claims the end of another one's place for bytes of its own. */
static uint32_t contradict(struct fragment *list, uint32_t count, uint64_t *random)
{
	const uint32_t place = 1 + (uint32_t)(random_next(random) % (count - 1));

	memmove(list + place + 1, list + place, (count - place) * sizeof(*list));
	shift(&list[place]);
	return count + 1;
}

uint32_t fragments_arrange(enum pattern pattern, bool incomplete, struct fragment *list, uint32_t count,
			   uint64_t *random)
{
	uint32_t missing;

	if (count < 2)
		return count;
	switch (pattern) {
	case PATTERN_REVERSED:
		for (uint32_t i = 0; i < count / 2; i++)
			swap(&list[i], &list[count - 1 - i]);
		return count;
	case PATTERN_SHUFFLED:
		for (uint32_t i = count; i > 1; i--)
			swap(&list[i - 1], &list[random_next(random) % i]);
		return count;
	case PATTERN_DUPLICATED:
		return duplicate(list, count);
	case PATTERN_HEADLESS:
		memmove(list, list + 1, (count - 1) * sizeof(*list));
		return count - 1;
	case PATTERN_GAPS:
		if (!incomplete)
			return count;
		missing = (uint32_t)(random_next(random) % count);
		memmove(list + missing, list + missing + 1, (count - missing - 1) * sizeof(*list));
		return count - 1;
	case PATTERN_OVERLAPPING:
		return incomplete ? contradict(list, count, random) : count;
	default:
		return count;
	}
}
