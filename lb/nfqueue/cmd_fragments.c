// SPDX-License-Identifier: Apache-2.0
/* `nfqueue-lb simulate-fragments`: what a fragment table of some size loses under some load. */
#include <stdio.h>

#include "commands.h"
#include "json/json.h"
#include "packet/fragments.h"
#include "util/memory.h"

#define FRAGMENTS_MAX 45

/* One datagram under way: its fragments come in an order of its own. */
struct datagram {
	uint32_t id, sent;
	uint8_t order[FRAGMENTS_MAX];
};

struct load {
	uint32_t rate, duration_s, fragments, size, parallel, seed;
	bool reversed, shuffled, reassembler;
};

struct simulation {
	struct load load;
	struct fragments *table;
	struct datagram *datagrams;
	uint32_t next_id;
	uint64_t random, sent, passed;
	uint8_t back[FRAGMENTS_MAX];
	uint32_t back_n;
};

/* Uniform within 0..n-1. */
static uint32_t draw(struct simulation *s, uint32_t n)
{
	s->random = s->random * 6364136223846793005 + 1442695040888963407;
	return (s->random >> 33) % n;
}

static void begin_datagram(struct simulation *s, struct datagram *datagram)
{
	const struct load *load = &s->load;

	*datagram = (struct datagram){.id = s->next_id++};
	for (uint32_t i = 0; i < load->fragments; i++)
		datagram->order[i] = load->reversed ? load->fragments - 1 - i : i;
	for (uint32_t i = load->fragments; load->shuffled && i > 1; i--) {
		const uint32_t other = draw(s, i);
		const uint8_t swapped = datagram->order[i - 1];

		datagram->order[i - 1] = datagram->order[other];
		datagram->order[other] = swapped;
	}
}

/* A fragment that came before its first one comes in again after that. */
static void give_back(void *context, const uint8_t *data, uint32_t size)
{
	struct simulation *s = context;

	(void)size;
	s->back[s->back_n++] = data[0];
}

static void pass(struct simulation *s, const struct fragment_key *key, uint8_t place)
{
	const struct fragment_extent extent = {place, place + 1, place + 1u == s->load.fragments};

	s->passed++;
	if (s->load.reassembler)
		fragments_passed(s->table, key, &extent);
}

static void send_one(struct simulation *s, uint64_t now)
{
	static uint8_t content[UINT16_MAX];
	struct datagram *datagram = &s->datagrams[draw(s, s->load.parallel)];
	struct fragment_key key = {.source = {[15] = 1}, .destination = {[15] = 2}, .protocol = 17};
	struct fragment_choice choice = {0};

	for (int i = 0; i < 4; i++)
		key.id[i] = datagram->id >> 8 * i;
	s->sent++;
	content[0] = datagram->order[datagram->sent++];
	s->back_n = 0;
	if (content[0] == 0)
		fragments_first(s->table, &key, &choice, now, give_back, s);
	if (content[0] == 0 || fragments_later(s->table, &key, content, s->load.size, now, &choice))
		pass(s, &key, content[0]);
	for (uint32_t i = 0; i < s->back_n; i++)
		pass(s, &key, s->back[i]);
	if (datagram->sent == s->load.fragments)
		begin_datagram(s, datagram);
}

/* They come at random moments, up to two mean intervals apart. */
static void run(struct simulation *s)
{
	const uint64_t end = s->load.duration_s * 1000000000ull;
	const uint32_t mean = 1000000000 / s->load.rate;
	uint64_t now = 0;

	for (uint32_t i = 0; i < s->load.parallel; i++)
		begin_datagram(s, &s->datagrams[i]);
	while ((now += draw(s, 2 * mean + 1)) < end) {
		fragments_expire(s->table, now);
		send_one(s, now);
	}
}

/* Those that wait at the end are not lost. */
static void print(const struct simulation *s)
{
	const uint64_t *counts = fragments_counts(s->table);
	const uint64_t lost = s->sent - s->passed - counts[FRAGMENTS_WAITING];
	struct text text = {0};

	json_object(&text, NULL);
	json_number(&text, "fragments", s->sent);
	json_number(&text, "lost", lost);
	json_real(&text, "lostPercent", "%.3f", s->sent ? 100.0 * (double)lost / (double)s->sent : 0);
	json_number(&text, "stored", counts[FRAGMENTS_STORED]);
	json_number(&text, "waiting", counts[FRAGMENTS_WAITING]);
	json_number(&text, "expired", counts[FRAGMENTS_EXPIRED]);
	json_number(&text, "refused", counts[FRAGMENTS_REFUSED]);
	json_number(&text, "forgotten", counts[FRAGMENTS_FORGOTTEN]);
	json_number(&text, "whole", counts[FRAGMENTS_WHOLE]);
	json_line(&text);
	text_print(&text, stdout);
	text_free(&text);
}

int command_simulate_fragments(const struct command *command, int argc, char **argv)
{
	static struct simulation s = {
		.load = {.rate = 10000, .duration_s = 60, .fragments = 3, .size = 1480, .parallel = 1000}};
	struct load *load = &s.load;
	struct fragment_limits limits = {.datagrams = 32768, .bytes = 16u << 20};
	uint32_t ttl_ms = 500;
	const struct option_spec specs[] = {
		{"rate", 0, "N", "fragments per second (10000)", .number = &load->rate, .min = 1,
		 .max = 10000000},
		{"duration", 0, "S", "simulated seconds (60)", .number = &load->duration_s, .min = 1,
		 .max = 3600},
		{"fragments", 0, "N", "fragments of a datagram (3)", .number = &load->fragments, .min = 2,
		 .max = FRAGMENTS_MAX},
		{"size", 0, "BYTES", "of a fragment (1480)", .number = &load->size, .min = 28,
		 .max = UINT16_MAX},
		{"parallel", 0, "N", "datagrams under way at a time (1000)", .number = &load->parallel,
		 .min = 1, .max = 1u << 20},
		{"reversed", 0, NULL, "the last fragment comes first", .flag = &load->reversed},
		{"shuffled", 0, NULL, "fragments of a datagram come in any order", .flag = &load->shuffled},
		{"reassembler", 0, NULL, "as of 'run'", .flag = &load->reassembler},
		{"seed", 0, "SEED", "of times and orders (0)", .number = &load->seed, .max = UINT32_MAX},
		{"fragment-ttl", 0, "MS", "as of 'run' (500)", .number = &ttl_ms, .min = 1, .max = 60000},
		{"fragment-datagrams", 0, "N", "as of 'run' (32768)", .number = &limits.datagrams, .min = 16,
		 .max = 1u << 24},
		{"fragment-bytes", 0, "N", "as of 'run' (16777216)", .number = &limits.bytes, .min = 1u << 17,
		 .max = 1u << 30},
	};

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	limits.ttl_ns = ttl_ms * 1000000ull;
	s.random = 0x9e3779b97f4a7c15 + load->seed;
	s.table = fragments_new(&limits, load->seed);
	s.datagrams = allocate(load->parallel * sizeof(*s.datagrams));
	if (!s.table)
		fail(EXIT_ERROR, "No memory for a table of %u datagrams.", limits.datagrams);
	run(&s);
	print(&s);
	fragments_free(s.table);
	release(s.datagrams);
	return EXIT_OK;
}
