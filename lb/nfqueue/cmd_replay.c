// SPDX-License-Identifier: Apache-2.0
/* `nfqueue-lb replay`: which target would each packet of a capture get? */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answer.h"
#include "commands.h"
#include "encap.h"
#include "packet/fragments.h"
#include "pcap.h"
#include "store.h"
#include "table/maglev.h"
#include "util/memory.h"

#define ITSELF UINT32_MAX /* no fragment, or a first one */
#define MISSING (UINT32_MAX - 1)

struct frame {
	struct pcap_packet packet;
	uint32_t number; /* in the capture, from 1 */
	uint32_t first;	 /* place of the first fragment of its datagram */
	bool waited;	 /* came before that one */
};

struct replay {
	struct lookup lookup;
	struct frame *frames;
	uint32_t frames_n, foreign;
	uint32_t picked[MAGLEV_N_MAX + 1]; /* by index; the last: without a target */
	uint32_t place;			   /* of the first fragment at hand */
};

static struct pcap map_capture(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status = {0};
	struct pcap pcap;
	void *data;

	if (fd < 0 || fstat(fd, &status) < 0)
		fail(EXIT_ERROR, "Cannot open '%s': %s.", path, strerror(errno));
	data = status.st_size > 0 ? mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	if (data == MAP_FAILED)
		fail(EXIT_ERROR, "Cannot read '%s': %s.", path, strerror(errno));
	if (!pcap_open(&pcap, data, status.st_size))
		fail(EXIT_ERROR, "'%s' is no capture: neither pcap nor pcapng.", path);
	close(fd);
	return pcap;
}

static void read_frames(struct replay *replay, const char *path)
{
	struct pcap pcap = map_capture(path);
	struct pcap_packet packet;
	enum pcap_result result;
	uint32_t room = 0, number = 0;

	while ((result = pcap_next(&pcap, &packet)) == PCAP_PACKET) {
		number++;
		if (!packet.ip) {
			replay->foreign++;
			continue;
		}
		if (replay->frames_n == room) {
			room = 2 * room + 1024;
			replay->frames = reallocate(replay->frames, room * sizeof(*replay->frames));
		}
		replay->frames[replay->frames_n++] = (struct frame){packet, number, ITSELF, false};
	}
	if (result == PCAP_CUT)
		fail(EXIT_ERROR, "'%s' is damaged behind frame %u.", path, number);
}

/* Any order is as likely; the same seed gives the same one. They then come all at once. */
static void shuffle(struct replay *replay, uint32_t seed)
{
	uint64_t random = 0x9e3779b97f4a7c15 + seed;

	for (uint32_t i = 0; i < replay->frames_n; i++)
		replay->frames[i].packet.ns = 0;
	for (uint32_t i = replay->frames_n; i > 1; i--) {
		struct frame *last = &replay->frames[i - 1], *other, swapped;

		random = random * 6364136223846793005 + 1442695040888963407;
		other = &replay->frames[(random >> 33) % i];
		swapped = *last;
		*last = *other;
		*other = swapped;
	}
}

/* What is stored of a fragment is its place. */
static void give_back(void *context, const uint8_t *data, uint32_t size)
{
	struct replay *replay = context;
	uint32_t place;

	memcpy(&place, data, size);
	replay->frames[place].first = replay->place;
}

static void meet(struct replay *replay, struct fragments *fragments, uint32_t place, uint64_t now)
{
	struct frame *frame = &replay->frames[place];
	const struct pcap_packet *packet = &frame->packet;
	struct fragment_choice choice = {.hash = place};
	struct fragment_key key;
	struct fragment_extent extent;

	if (!flow_fragment(packet->ip, packet->captured, packet->length, &key, &extent))
		return;
	replay->place = place;
	if (extent.from == 0) {
		fragments_first(fragments, &key, &choice, now, give_back, replay);
		return;
	}
	frame->waited =
		!fragments_later(fragments, &key, (const uint8_t *)&place, sizeof(place), now, &choice);
	frame->first = frame->waited ? MISSING : choice.hash;
}

/* Later fragments find their first one, as with `run --fragments`. */
static void join_fragments(struct replay *replay, const struct fragment_limits *limits)
{
	struct fragments *fragments = fragments_new(limits, 0);
	uint64_t now = 0;

	if (!fragments)
		fail(EXIT_ERROR, "Out of memory.");
	for (uint32_t i = 0; i < replay->frames_n; i++) {
		const uint64_t ns = replay->frames[i].packet.ns;

		now = ns > now ? ns : now;
		fragments_expire(fragments, now);
		meet(replay, fragments, i, now);
	}
	fragments_free(fragments);
}

static enum flow_kind dissect(const struct replay *replay, const struct frame *frame, bool joined,
			      struct flow_key *key, struct flow_bytes *transport)
{
	const bool ports = lookup_needs_ports(&replay->lookup);
	const struct pcap_packet *packet =
		&(frame->first < MISSING ? &replay->frames[frame->first] : frame)->packet;
	enum flow_kind kind =
		flow_dissect(packet->ip, packet->captured, packet->length, ports, key, transport);

	if (kind == FLOW_FRAGMENT && joined)
		kind = flow_first_fragment(packet->ip, packet->captured, packet->length, ports, key,
					   transport);
	return encap_open(replay->lookup.sctp_encap, kind, packet->captured < packet->length, key, transport);
}

static void print_frame(struct replay *replay, const struct frame *frame, bool joined, bool quiet)
{
	const bool missing = frame->first == MISSING;
	struct flow_bytes transport;
	struct text text = {0};
	struct flow_key key;
	enum flow_kind kind;

	json_object(&text, NULL);
	json_number(&text, "frame", frame->number);
	if (missing) {
		json_string(&text, "outcome", "first_fragment_missing");
		replay->picked[MAGLEV_N_MAX]++;
	} else {
		kind = dissect(replay, frame, joined, &key, &transport);
		replay->picked[lookup_add(&text, &replay->lookup, kind, &key, &transport)]++;
	}
	if (frame->first < MISSING) {
		json_number(&text, "follows", replay->frames[frame->first].number);
		json_bool(&text, "waited", frame->waited);
	}
	json_line(&text);
	if (quiet)
		text.length = 0;
	text_print(&text, stdout);
	text_free(&text);
}

static void print_sum(const struct replay *replay)
{
	struct text text = {0};

	json_object(&text, NULL);
	json_number(&text, "packets", replay->frames_n);
	json_number(&text, "not_ip", replay->foreign);
	json_number(&text, "no_target", replay->picked[MAGLEV_N_MAX]);
	json_array(&text, "picked");
	for (uint32_t i = 0; i < replay->lookup.table.config.n; i++)
		json_number(&text, NULL, replay->picked[i]);
	json_array_end(&text);
	json_line(&text);
	text_print(&text, stdout);
	text_free(&text);
}

int command_replay(const struct command *command, int argc, char **argv)
{
	static struct replay replay;
	const char *shm = STORE_DEFAULT_NAME;
	struct fragment_limits limits = {.datagrams = 32768, .bytes = 16u << 20};
	uint32_t seed = 0, ttl_ms = 500;
	bool flows = false, join = false, mix = false, quiet = false;
	const struct option_spec specs[] = {
		OPTION_SHM(&shm),
		{"flows", 0, NULL, "match the flows as 'run --flows' does", .flag = &flows},
		{"fragments", 0, NULL, "fragments follow their first one, as with 'run --fragments'",
		 .flag = &join},
		{"fragment-ttl", 0, "MS", "lifetime of a datagram, by the capture's times (500)",
		 .number = &ttl_ms, .min = 1, .max = 60000},
		{"shuffle", 0, NULL, "in another order, all at once", .flag = &mix},
		{"seed", 0, "SEED", "of the order of --shuffle (0)", .number = &seed, .max = UINT32_MAX},
		OPTION_SCTP_ENCAP(&replay.lookup.sctp_encap),
		{"quiet", 'q', NULL, "print the sum only", .flag = &quiet},
	};
	const int first = parse_options(command, argc, argv, specs, COUNT_OF(specs), 1);

	if (first == argc)
		fail(EXIT_USAGE, "The capture is missing. Try 'nfqueue-lb replay --help'.");
	limits.ttl_ns = ttl_ms * 1000000ull;
	lookup_open(&replay.lookup, shm, flows);
	read_frames(&replay, argv[first]);
	if (mix)
		shuffle(&replay, seed);
	if (join)
		join_fragments(&replay, &limits);
	for (uint32_t i = 0; i < replay.frames_n; i++)
		print_frame(&replay, &replay.frames[i], join, quiet);
	print_sum(&replay);
	return EXIT_OK;
}
