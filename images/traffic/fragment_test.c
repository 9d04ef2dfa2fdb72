// SPDX-License-Identifier: Apache-2.0
/* Hand-made fragments: put together again they are the datagram, whatever the order; and their checksums
 * hold. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datagram.h"
#include "fragment.h"
#include "util/check.h"

static uint32_t sum16(const uint8_t *data, uint32_t bytes, uint32_t sum)
{
	for (uint32_t i = 0; i < bytes; i++)
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Where the fragment says it belongs, in bytes, and whether more follow. */
static uint32_t offset_of(const struct fragment *f, bool *more)
{
	const bool v4 = f->header[0] >> 4 == 4;
	const uint8_t *at = f->header + (v4 ? 6 : 42);
	const uint32_t value = (uint32_t)at[0] << 8 | at[1];

	*more = v4 ? value & 0x2000 : value & 1;
	return v4 ? (value & 0x1fff) * 8 : value & 0xfff8;
}

static void they_make_the_datagram_again(const char *from_text, const char *to_text, enum pattern pattern,
					 uint32_t bytes)
{
	static struct fragment list[2 * FRAGMENTS_MAX + 1];
	static uint8_t udp[70000], again[70000], seen[70000];
	const struct datagram d = {3, 77, bytes};
	struct datagram read;
	union address from, to;
	uint64_t random = 5;
	uint32_t count, total = UDP_HEADER + bytes, covered = 0;
	bool whole = false, more;

	CHECK(parse_endpoint(from_text, &from) && parse_endpoint(to_text, &to));
	datagram_fill(&d, udp + UDP_HEADER);
	udp_header_write(udp, &from, &to, bytes);
	count = fragments_cut(&from, &to, 9, total, 1500, list);
	CHECK(count == (total + (from.any.sa_family == AF_INET ? 1479 : 1447)) /
			       (from.any.sa_family == AF_INET ? 1480 : 1448));
	count = fragments_arrange(pattern, false, list, count, &random);
	memset(seen, 0, sizeof(seen));
	for (uint32_t i = 0; i < count; i++) {
		const struct fragment *f = &list[i];
		const uint32_t offset = offset_of(f, &more);

		CHECK(offset == f->at && f->header_bytes + f->bytes <= 1500 && (f->bytes % 8 == 0 || !more));
		CHECK(more == (offset + f->bytes < total));
		CHECK(f->header[0] >> 4 == 6 || sum16(f->header, 20, 0) == 0xffff);
		memcpy(again + offset, udp + f->at, f->bytes);
		for (uint32_t b = 0; b < f->bytes; b++)
			covered += !seen[offset + b]++;
	}
	CHECK(covered == total && memcmp(again, udp, total) == 0);
	CHECK(datagram_read(again + UDP_HEADER, bytes, &read, &whole) && whole && read.number == 77);
	again[UDP_HEADER + bytes - 1] ^= 1;
	CHECK(datagram_read(again + UDP_HEADER, bytes, &read, &whole) && !whole);
	CHECK(datagram_read(udp + UDP_HEADER, bytes - 1, &read, &whole) && !whole);
}

/* The sum over pseudo header and datagram, its checksum included, must be all ones. */
static void the_udp_checksum_holds(void)
{
	uint8_t udp[UDP_HEADER + 101], pseudo[12] = {50, 0, 0, 1, 10, 0, 0, 0, 0, 17, 0, sizeof(udp)};
	const struct datagram d = {1, 2, 101};
	union address from, to;

	CHECK(parse_endpoint("50.0.0.1:4000", &from) && parse_endpoint("10.0.0.0:6001", &to));
	datagram_fill(&d, udp + UDP_HEADER);
	udp_header_write(udp, &from, &to, 101);
	CHECK(sum16(udp, sizeof(udp), sum16(pseudo, sizeof(pseudo), 0)) == 0xffff);
}

static void what_is_hurt_does_not_arrive(void)
{
	struct fragment list[64], before[64];
	union address from, to;
	uint64_t random = 5;
	uint32_t count;
	bool more;

	CHECK(parse_endpoint("[2000::1]:4000", &from) && parse_endpoint("[1000::]:6001", &to));
	count = fragments_cut(&from, &to, 9, 5000, 1500, list);
	memcpy(before, list, sizeof(before));
	CHECK(count == 4 && fragments_arrange(PATTERN_GAPS, true, list, count, &random) == 3);
	memcpy(list, before, sizeof(before));
	CHECK(fragments_arrange(PATTERN_HEADLESS, true, list, count, &random) == 3);
	CHECK(offset_of(&list[0], &more) == 1448);
	memcpy(list, before, sizeof(before));
	CHECK(fragments_arrange(PATTERN_OVERLAPPING, true, list, count, &random) == 5);
	for (uint32_t i = 0, overlaps = 0; i < 5; i++) {
		overlaps += offset_of(&list[i], &more) % 1448 != 0;
		CHECK(i < 4 || overlaps == 1);
	}
}

static void receipts_say_who_and_which(void)
{
	const struct datagram d = {3, 77, 1000};
	uint8_t text[RECEIPT_BYTES];
	struct receipt receipt;

	receipt_write("vm-001", &d, true, text);
	CHECK(receipt_read(text, sizeof(text), &receipt) && !receipt_read(text, sizeof(text) - 1, &receipt));
	CHECK(receipt.flow == 3 && receipt.number == 77 && receipt.whole == 1 &&
	      !strcmp((char *)text, "vm-001"));
}

int main(void)
{
	static const uint32_t sizes[] = {1600, 2953, 4001, 30000, 65487};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (int pattern = 0; pattern < PATTERN_HEADLESS; pattern++) {
			they_make_the_datagram_again("50.0.0.1:4000", "10.0.0.0:6001", (enum pattern)pattern,
						     sizes[i]);
			they_make_the_datagram_again("[2000::1]:4000", "[1000::]:6001", (enum pattern)pattern,
						     sizes[i]);
		}
	}
	the_udp_checksum_holds();
	what_is_hurt_does_not_arrive();
	receipts_say_who_and_which();
	return check_report("traffic fragments");
}
