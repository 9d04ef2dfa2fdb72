// SPDX-License-Identifier: Apache-2.0
/* Unit tests of the parts without I/O, run under ASan and UBSan. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cause.h"
#include "hist.h"
#include "hosts.h"
#include "util/memory.h"
#include "parse.h"
#include "row.h"
#include "json/text.h"
#include "tuple.h"
#include "util/check.h"
#include "window.h"

static void durations_take_units_and_plain_seconds(void)
{
	const struct {
		const char *text;
		uint64_t ns;
	} good[] = {{"20s", 20 * NS_PER_S},
		    {"1500ms", 1500 * NS_PER_MS},
		    {"20", 20 * NS_PER_S},
		    {"0.5", NS_PER_S / 2},
		    {"250us", 250 * NS_PER_US},
		    {"2m", 120 * NS_PER_S},
		    {"0", 0}};
	const char *bad[] = {"",  "s",	"-1s", "1h", "1e3", "1.2.3s", "nan", "1 s", "99999999999999999999s",
			     ".", "1s "};
	uint64_t ns;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(parse_duration(good[i].text, &ns) && ns == good[i].ns);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!parse_duration(bad[i], &ns));
}

static void numbers_are_whole_and_in_range(void)
{
	uint32_t value = 7;
	uint16_t port;
	double rate;

	CHECK(parse_u32("4294967295", &value) && value == UINT32_MAX);
	CHECK(!parse_u32("4294967296", &value) && !parse_u32("-1", &value) && !parse_u32("1x", &value));
	CHECK(!parse_u32("", &value) && !parse_u32(" 1", &value) && value == UINT32_MAX);
	CHECK(parse_port("65535", &port) && !parse_port("0", &port) && !parse_port("65536", &port));
	CHECK(parse_rate("0.5", &rate) && rate == 0.5 && !parse_rate("inf", &rate) &&
	      !parse_rate("-1", &rate));
}

static void endpoints_need_brackets_for_ipv6(void)
{
	char text[INET6_ADDRSTRLEN];
	union address address;

	CHECK(parse_endpoint("10.0.0.0:5003", &address) && address_port(&address) == 5003);
	CHECK(!strcmp(address_text(&address, text), "10.0.0.0") && address_family_number(&address) == 4);
	CHECK(parse_endpoint("[1000::]:5003", &address) && address_family_number(&address) == 6);
	CHECK(!strcmp(address_text(&address, text), "1000::"));
	const char *bad[] = {"1000:::5003", "[10.0.0.1]:1", "10.0.0.1", "10.0.0.1:", "[::1]",
			     "host:1",	    "[]:1",	    ":1",	""};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!parse_endpoint(bad[i], &address));
}

static void networks_are_masked_and_bounded(void)
{
	struct cidr cidr;

	CHECK(parse_cidr("50.0.1.2/16", &cidr) && !strcmp(cidr.text, "50.0.0.0/16") && cidr.host_bits == 16);
	CHECK(parse_cidr("2000::7/112", &cidr) && !strcmp(cidr.text, "2000::/112") && cidr.host_bits == 16);
	CHECK(parse_cidr("10.0.0.0/8", &cidr) && cidr.host_bits == 16);
	CHECK(parse_cidr("10.1.2.3/32", &cidr) && cidr.host_bits == 0);
	CHECK(parse_cidr("0.0.0.0/0", &cidr) && parse_cidr("::/0", &cidr));
	CHECK(!parse_cidr("10.0.0.0", &cidr) && !parse_cidr("10.0.0.0/33", &cidr) &&
	      !parse_cidr("::/129", &cidr));
	CHECK(!parse_cidr("10.0.0/8", &cidr) && !parse_cidr("/8", &cidr) && !parse_cidr("10.0.0.0/", &cidr));
}

static void parts_are_counted_from_one(void)
{
	struct part part;

	CHECK(parse_part("2/6", &part) && part.index == 1 && part.count == 6);
	CHECK(!parse_part("0/6", &part) && !parse_part("7/6", &part) && !parse_part("1", &part));
	CHECK(!parse_part("/6", &part) && !parse_part("1/", &part) && !parse_part("1/0", &part));
}

static void histogram_buckets_are_contiguous_and_narrow(void)
{
	unsigned last = 0;

	for (uint64_t us = 0; us < 1 << 20; us++) {
		unsigned bucket = hist_bucket(us);

		CHECK(bucket == last || bucket == last + 1);
		last = bucket;
	}
	CHECK(hist_bucket(63) == 63 && hist_bucket(64) == 64 && hist_bucket(65) == 64 &&
	      hist_bucket(66) == 65);
	CHECK(hist_bucket(1000) == 64 + 3 * 32 + ((1000 >> 4) & 31));
	CHECK(hist_bucket(UINT32_MAX) == HIST_BUCKETS - 1 && hist_bucket(UINT64_MAX) == HIST_BUCKETS - 1);
}

static void window_takes_each_answer_once(void)
{
	uint64_t seen = 0;
	uint32_t next = 0;

	CHECK(window_accept(&seen, &next, 0) && next == 1);
	CHECK(!window_accept(&seen, &next, 0));
	CHECK(window_accept(&seen, &next, 5) && next == 6);
	CHECK(window_accept(&seen, &next, 3) && !window_accept(&seen, &next, 3) && next == 6);
	CHECK(window_accept(&seen, &next, 1000) && !window_accept(&seen, &next, 936));
	CHECK(window_accept(&seen, &next, 937) && !window_accept(&seen, &next, 937));
	CHECK(window_accept(&seen, &next, 1063) && !window_accept(&seen, &next, 1000));
	CHECK(window_accept(&seen, &next, UINT32_MAX - 1));
}

static void rows_are_48_bytes_little_endian(void)
{
	const struct row row = {.id = 0x01020304,
				.generation = 0x0506,
				.cause = CAUSE_STALLED,
				.port = 0x0708,
				.host = NO_HOST,
				.moved_to = 0x0a0b,
				.offset = 0x11121314,
				.start_us = 0x21222324,
				.established_us = NEVER,
				.end_us = 0x31323334,
				.longest_gap_us = 1,
				.sent = 2,
				.received = 3,
				.progress_us = 4,
				.retransmits = 0xdeadbeef};
	static const uint8_t expected[ROW_BYTES] = {
		4,    3,    2,	  1,	6,    5,    6,	  0,	8,    7,    0xff, 0xff,
		0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21, 0xff, 0xff, 0xff, 0xff,
		0x34, 0x33, 0x32, 0x31, 1,    0,    0,	  0,	2,    0,    0,	  0,
		3,    0,    0,	  0,	0x0b, 0x0a, 0,	  0,	4,    0,    0,	  0,
	};
	uint8_t packed[ROW_BYTES];

	row_pack(&row, packed);
	CHECK(!memcmp(packed, expected, ROW_BYTES));
}

static bool text_is(struct text *text, const char *expected)
{
	bool same = text->length == strlen(expected) && !memcmp(text->data, expected, text->length);

	text->length = 0;
	return same;
}

static void text_is_escaped_and_encoded(void)
{
	struct text text = {0};

	text_add_json(&text, "vm-001");
	CHECK(text_is(&text, "\"vm-001\""));
	text_add_json(&text, "a\"b\\c\n\x01\xff");
	CHECK(text_is(&text, "\"a\\\"b\\\\c\\u000a\\u0001\\u00ff\""));
	text_add_json(&text, "");
	CHECK(text_is(&text, "\"\""));
	text_add_base64(&text, (const uint8_t *)"", 0);
	CHECK(text_is(&text, ""));
	text_add_base64(&text, (const uint8_t *)"f", 1);
	CHECK(text_is(&text, "Zg=="));
	text_add_base64(&text, (const uint8_t *)"fo", 2);
	CHECK(text_is(&text, "Zm8="));
	text_add_base64(&text, (const uint8_t *)"\xff\xee\xdd", 3);
	CHECK(text_is(&text, "/+7d"));
	for (int i = 0; i < 100; i++)
		text_add(&text, "%d,", i);
	CHECK(text.length == 290);
	text_free(&text);
}

static void hosts_are_numbered_by_first_appearance(void)
{
	struct hosts hosts;
	char name[HOST_NAME_BYTES];

	hosts_init(&hosts);
	CHECK(hosts_index(&hosts, "vm-001\0garbage", 14) == 0 && hosts_index(&hosts, "vm-002", 6) == 1);
	CHECK(hosts_index(&hosts, "vm-001", 6) == 0 && hosts_index(&hosts, "vm-00", 5) == 2);
	CHECK(hosts_index(&hosts, "", 0) == NO_HOST && hosts_index(&hosts, "\0x", 2) == NO_HOST);
	memset(name, 'x', sizeof(name)); /* as long as can be, no NUL */
	CHECK(hosts_index(&hosts, name, sizeof(name)) == 3 && strlen(hosts.list[3].name) == HOST_NAME_BYTES);
	for (int i = 4; i < MAX_HOSTS; i++) {
		snprintf(name, sizeof(name), "h%d", i);
		CHECK(hosts_index(&hosts, name, sizeof(name)) == i);
	}
	CHECK(hosts_index(&hosts, "one too many", 12) == NO_HOST && hosts_index(&hosts, "vm-002", 6) == 1);
	hosts_free(&hosts);
}

int main(void)
{
	durations_take_units_and_plain_seconds();
	numbers_are_whole_and_in_range();
	endpoints_need_brackets_for_ipv6();
	networks_are_masked_and_bounded();
	parts_are_counted_from_one();
	histogram_buckets_are_contiguous_and_narrow();
	window_takes_each_answer_once();
	rows_are_48_bytes_little_endian();
	text_is_escaped_and_encoded();
	hosts_are_numbered_by_first_appearance();
	return check_report("traffic");
}
