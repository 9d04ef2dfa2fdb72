// SPDX-License-Identifier: Apache-2.0
/* Unit tests of the parts without I/O, run under ASan and UBSan. */
/* Over 300 lines: short tests of many small modules, one program. */
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
#include "wheel.h"
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

static void tuples_of_a_whole_network_are_all_different(const char *network, uint64_t expected)
{
	struct cidr cidr = {0};
	struct tuple_space space;

	CHECK(!network || parse_cidr(network, &cidr));
	tuple_space_init(&space, &cidr, 0, 1);
	CHECK(space.size == expected);
	uint8_t *seen = allocate(space.size / 8 + 1);
	for (uint64_t k = 0; k < space.size; k++) {
		struct tuple tuple = tuple_at(&space, k);
		uint64_t at =
			(uint64_t)(tuple.offset - space.first_offset) * PORT_COUNT + tuple.port - FIRST_PORT;

		CHECK(tuple.port >= FIRST_PORT && at < space.size);
		if (at >= space.size || seen[at / 8] >> at % 8 & 1) {
			CHECK(!"tuple drawn twice");
			break;
		}
		seen[at / 8] |= (uint8_t)(1 << at % 8);
	}
	release(seen);
}

static void few_sources_are_the_first_ones(void)
{
	struct cidr cidr = {0};
	struct tuple_space space;

	CHECK(parse_cidr("10.1.2.0/29", &cidr));
	tuple_space_init(&space, &cidr, 2, 1);
	CHECK(space.size == 2 * PORT_COUNT);
	for (uint64_t k = 0; k < space.size; k++) {
		struct tuple tuple = tuple_at(&space, k);

		CHECK(tuple.offset == 1 || tuple.offset == 2);
	}
	tuple_space_init(&space, &cidr, 100, 1);
	CHECK(space.addresses == 6);
}

static void tuples_cover_their_space_once(void)
{
	tuples_of_a_whole_network_are_all_different(NULL, PORT_COUNT);
	tuples_of_a_whole_network_are_all_different("10.1.2.3/32", PORT_COUNT);
	tuples_of_a_whole_network_are_all_different("10.1.2.2/31", 2 * PORT_COUNT);
	tuples_of_a_whole_network_are_all_different("10.1.2.0/29", 6 * PORT_COUNT);
	tuples_of_a_whole_network_are_all_different("2000::/126", 2 * PORT_COUNT);
}

static void tuples_depend_on_the_seed_only(void)
{
	struct tuple_space one, same, other;
	char text[INET6_ADDRSTRLEN];
	struct cidr cidr;
	int equal = 0;

	parse_cidr("50.0.0.0/16", &cidr);
	tuple_space_init(&one, &cidr, 0, 1);
	tuple_space_init(&same, &cidr, 0, 1);
	tuple_space_init(&other, &cidr, 0, 2);
	for (uint64_t k = 0; k < 10000; k++) {
		struct tuple a = tuple_at(&one, k), b = tuple_at(&same, k), c = tuple_at(&other, k);

		CHECK(a.offset == b.offset && a.port == b.port);
		CHECK(a.offset >= 1 && a.offset <= 65534);
		equal += a.offset == c.offset && a.port == c.port;
	}
	CHECK(equal < 3);
	union address address = tuple_address(&one, AF_INET, (struct tuple){.offset = 0x1234, .port = 5});
	CHECK(!strcmp(address_text(&address, text), "50.0.18.52") && address_port(&address) == 5);
	parse_cidr("2000::/112", &cidr);
	tuple_space_init(&one, &cidr, 0, 1);
	address = tuple_address(&one, AF_INET6, (struct tuple){.offset = 0x1234, .port = 5});
	CHECK(!strcmp(address_text(&address, text), "2000::1234"));
}

/* Visits: every address once in each, in another order, and never from the same port again. */
static void visits_bring_every_address_once(void)
{
	struct cidr cidr;
	struct tuple_space space;
	uint16_t ports[4][62] = {0};
	int same_place = 0;

	parse_cidr("50.0.0.0/26", &cidr);
	tuple_space_init(&space, &cidr, 0, 1);
	for (uint32_t visit = 1; visit <= 3; visit++)
		for (uint64_t k = 0; k < 62; k++) {
			struct tuple tuple = tuple_of_visit(&space, visit, k, 0);

			CHECK(tuple.offset >= 1 && tuple.offset <= 62 && !ports[visit][tuple.offset - 1]);
			for (uint32_t before = 1; before < visit; before++)
				CHECK(ports[before][tuple.offset - 1] != tuple.port);
			ports[visit][(tuple.offset - 1) % 62] = tuple.port;
			same_place += tuple.offset == tuple_of_visit(&space, visit + 1, k, 0).offset;
			CHECK(tuple_of_visit(&space, visit, k, 1).port != tuple.port);
		}
	CHECK(same_place < 20);
}

static void visits_may_come_from_the_same_ports(void)
{
	struct cidr cidr = {0};
	struct tuple_space space;
	uint16_t ports[63] = {0};
	int same_place = 0;

	CHECK(parse_cidr("10.1.2.0/26", &cidr));
	tuple_space_init(&space, &cidr, 0, 1);
	space.same_visits = true;
	for (uint32_t visit = 1; visit <= 2; visit++)
		for (uint64_t k = 0; k < 62; k++) {
			struct tuple tuple = tuple_of_visit(&space, visit, k, 0);

			CHECK(visit == 1 || ports[tuple.offset] == tuple.port);
			ports[tuple.offset] = tuple.port;
			same_place += visit == 2 && tuple.offset == tuple_of_visit(&space, 1, k, 0).offset;
		}
	CHECK(same_place < 10); /* in another order */
}

/* Source ports and offsets must look random, else hashes of 5-tuples would be tested on a lattice. */
static void tuples_spread_evenly(void)
{
	struct cidr cidr;
	struct tuple_space space;
	int ports[16] = {0}, offsets[16] = {0};

	parse_cidr("50.0.0.0/16", &cidr);
	tuple_space_init(&space, &cidr, 0, 1);
	for (uint64_t k = 0; k < 16000; k++) {
		struct tuple tuple = tuple_at(&space, k);

		ports[tuple.port % 16]++;
		offsets[tuple.offset % 16]++;
	}
	for (int i = 0; i < 16; i++)
		CHECK(abs(ports[i] - 1000) < 150 && abs(offsets[i] - 1000) < 150);
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

static void wheel_gives_timers_in_order_and_not_early(void)
{
	enum { TIMERS = 5000 };
	const uint64_t start = 123456789012345ULL, step = 777777;
	uint64_t now = start, due[TIMERS];
	struct wheel wheel;
	uint32_t id, taken = 0;

	wheel_init(&wheel, TIMERS, start);
	srandom(1);
	for (uint32_t i = 0; i < TIMERS; i++) { /* up to three turns away */
		due[i] = start + (uint64_t)random() * 12 % (25 * NS_PER_S);
		wheel_set(&wheel, i, due[i]);
	}
	for (; wheel.count; now += step) {
		CHECK(wheel_next_ns(&wheel) != UINT64_MAX);
		while ((id = wheel_take(&wheel, now)) != WHEEL_NONE) {
			CHECK(due[id] <= now);
			CHECK(now < due[id] + step + (1 << WHEEL_TICK_BITS));
			due[id] = UINT64_MAX; /* taken twice would fail the check above */
			taken++;
		}
		CHECK(now < start + 26 * NS_PER_S);
	}
	CHECK(taken == TIMERS && wheel_next_ns(&wheel) == UINT64_MAX);
	wheel_free(&wheel);
}

/* Many connections that send rarely must not keep their process awake: 10,000 timers, none due for some
 * turns. */
static void wheel_timers_of_later_turns_wake_nobody(void)
{
	enum { TIMERS = 10000 };
	const uint64_t start = 77 * NS_PER_S, turn = (uint64_t)WHEEL_SLOTS << WHEEL_TICK_BITS;
	const uint64_t soonest = start + 100 * NS_PER_S, round = WHEEL_TURNS * turn;
	uint32_t id, taken = 0, wakes = 0;
	struct wheel wheel;

	wheel_init(&wheel, TIMERS, start);
	srandom(1);
	for (uint32_t i = 0; i < TIMERS; i++) /* the last some rounds of all turns away */
		wheel_set(&wheel, i,
			  soonest + (uint64_t)random() % NS_PER_S + (i == TIMERS - 1 ? 2 * round : 0));
	for (uint64_t now = start; now < soonest; now = wheel_next_ns(&wheel), wakes++)
		CHECK(wheel_take(&wheel, now) == WHEEL_NONE);
	CHECK(wakes <= 100 * NS_PER_S / turn + 2);
	/* All turns between at once, as after a halt. */
	for (; (id = wheel_take(&wheel, soonest + 100 * turn)) != WHEEL_NONE; taken++)
		CHECK(id != TIMERS - 1);
	CHECK(taken == TIMERS - 1 && wheel.count == 1);
	CHECK(wheel_take(&wheel, soonest + 2 * round - turn) == WHEEL_NONE);
	CHECK(wheel_take(&wheel, soonest + 2 * round + turn) == TIMERS - 1 && !wheel.count);
	wheel_free(&wheel);
}

static void wheel_timers_move_and_vanish(void)
{
	struct wheel wheel;

	wheel_init(&wheel, 3, NS_PER_S);
	wheel_set(&wheel, 0, 2 * NS_PER_S);
	wheel_set(&wheel, 1, 2 * NS_PER_S);
	wheel_set(&wheel, 2, 2 * NS_PER_S);
	wheel_cancel(&wheel, 1);
	wheel_cancel(&wheel, 1);
	wheel_set(&wheel, 0, 3 * NS_PER_S);
	CHECK(wheel.count == 2 && wheel_take(&wheel, NS_PER_S) == WHEEL_NONE);
	CHECK(wheel_next_ns(&wheel) >= 2 * NS_PER_S &&
	      wheel_next_ns(&wheel) < 2 * NS_PER_S + (1 << WHEEL_TICK_BITS));
	CHECK(wheel_take(&wheel, 5 * NS_PER_S / 2) == 2 &&
	      wheel_take(&wheel, 5 * NS_PER_S / 2) == WHEEL_NONE);
	wheel_set(&wheel, 1, 0); /* long overdue: next tick */
	CHECK(wheel_next_ns(&wheel) <= 3 * NS_PER_S && wheel_take(&wheel, 4 * NS_PER_S) != WHEEL_NONE);
	CHECK(wheel_take(&wheel, 4 * NS_PER_S) != WHEEL_NONE && !wheel.count);
	wheel_free(&wheel);
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
	few_sources_are_the_first_ones();
	visits_may_come_from_the_same_ports();
	tuples_cover_their_space_once();
	tuples_depend_on_the_seed_only();
	visits_bring_every_address_once();
	tuples_spread_evenly();
	histogram_buckets_are_contiguous_and_narrow();
	window_takes_each_answer_once();
	wheel_gives_timers_in_order_and_not_early();
	wheel_timers_of_later_turns_wake_nobody();
	wheel_timers_move_and_vanish();
	rows_are_48_bytes_little_endian();
	text_is_escaped_and_encoded();
	hosts_are_numbered_by_first_appearance();
	return check_report("traffic");
}
