// SPDX-License-Identifier: Apache-2.0
/* Listens in the fabric, and writes what was sent of connections in trouble. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/options.h"
#include "flight.h"
#include "flows.h"
#include "out.h"
#include "ring.h"
#include "util/clock.h"
#include "util/signals.h"

/* Blocks of which the kernel is always sure. */
#define FREE_PART 4
#define FLOW_SLOTS (1U << 21)

struct tap {
	struct ring ring;
	struct flows flows;
	struct networks clients;
	struct out out;
	bool live;	 /* everything is written at once, and nothing kept */
	uint64_t offset; /* from CLOCK_REALTIME to CLOCK_MONOTONIC, modulo 2^64 */
};

static void note(struct tap *tap, const struct captured *captured)
{
	struct frame frame;

	tap->out.counts.seen++;
	if (!frame_read(captured->data, captured->captured, captured->length, &tap->clients, &frame))
		return;
	if (!flows_note(&tap->flows, &frame, out_port(&tap->out, captured->ifindex) == PORT_TESTER))
		tap->out.counts.untracked++;
}

/* Gives the oldest block back, once what may be needed of it is written. */
static void release_oldest(struct tap *tap, bool all)
{
	struct block_reader reader;
	struct captured captured;
	struct frame frame;
	const struct flow_slot *slot;

	block_begin(&reader, ring_oldest(&tap->ring));
	while (block_next(&reader, &captured)) {
		if (!frame_read(captured.data, captured.captured, captured.length, &tap->clients, &frame))
			continue;
		slot = flows_find(&tap->flows, &frame.client, false);
		if (all || !slot || slot->trouble) {
			captured.t += tap->offset;
			out_frame(&tap->out, &captured);
		} else
			tap->out.counts.overwritten++;
	}
	ring_give_back(&tap->ring);
}

static void take_all(struct tap *tap)
{
	const struct tpacket_block_desc *block;
	struct block_reader reader;
	struct captured captured;

	while ((block = ring_take(&tap->ring))) {
		block_begin(&reader, block);
		while (block_next(&reader, &captured))
			note(tap, &captured);
		if (tap->live || tap->ring.held > tap->ring.blocks - tap->ring.blocks / FREE_PART)
			release_oldest(tap, tap->live);
	}
	if (tap->live)
		fflush(stdout);
}

static uint64_t monotonic_offset(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return clock_ns() - ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
}

static void listen_to_socket(struct tap *tap, int signals, uint32_t retire_ms)
{
	do {
		tap->offset = monotonic_offset();
		take_all(tap);
	} while (ring_wait(&tap->ring, signals));
	/* The kernel gives a block that is not full after a while only. */
	usleep(2000 * retire_ms);
	take_all(tap);
	while (tap->ring.held > 0)
		release_oldest(tap, true);
	tap->out.counts.dropped = ring_dropped(&tap->ring);
	out_end(&tap->out);
	ring_close(&tap->ring);
	flows_close(&tap->flows);
}

static const struct command command = {
	NULL,
	NULL,
	"--client NETWORK [options]",
	"Listens to all that machines send into this network namespace's devices. At SIGTERM or SIGINT, and "
	"when the\n"
	"ring is full, writes records (record.h) of connections in trouble on stdout: resets, ICMP errors, "
	"and what a\n"
	"client sends again are signs of it. Prints \"ready\" on stderr.\n",
	"tap --client 50.0.0.0/16 --client 2000::/112 --tester vm-221 >packets\n",
	NULL};

int main(int argc, char **argv)
{
	static struct tap tap = {.out.tester = "vm-221"};
	uint32_t mebibytes = 32, retire_ms = 50;
	bool full = false, socket = false;
	struct flight *flight = NULL;
	int signals;
	const struct option_spec specs[] = {
		{"client", 0, "NETWORK", "clients' addresses: 50.0.0.0/16 (repeatable)",
		 .parse = networks_add, .to = &tap.clients},
		{"tester", 0, "NAME,...",
		 "clients' machines: their ports' names begin so, and a dot follows (vm-221)",
		 .text = &tap.out.tester},
		{"memory", 0, "MIB", "size of the ring (32)", .number = &mebibytes, .min = 1, .max = 4096},
		{"retire", 0, "MS", "the kernel gives what a block has after so long (50)",
		 .number = &retire_ms, .min = 10, .max = 60000},
		{"live", 0, NULL, "write every packet when it comes, and keep none", .flag = &tap.live},
		{"full", 0, NULL, "all packets; else those with SYN, FIN or RST, and ICMP", .flag = &full},
		{"socket", 0, NULL, "by a packet socket, though BPF programs at the ports cost less",
		 .flag = &socket},
	};

	parse_options(&command, argc, argv, specs, COUNT_OF(specs), 0);
	if (tap.clients.n == 0)
		fail(EXIT_USAGE, "--client is missing. Try 'tap --help'.");
	signals = signals_open();
	if (!socket && !tap.live)
		flight = flight_open(&tap.out, &tap.clients, mebibytes, !full);
	if (flight) {
		fputs("ready: BPF programs at the ports\n", stderr);
		flight_run(flight, signals);
		return EXIT_OK;
	}
	flows_open(&tap.flows, FLOW_SLOTS);
	ring_open(&tap.ring, mebibytes, retire_ms, !full);
	fputs("ready: a packet socket\n", stderr);
	listen_to_socket(&tap, signals, retire_ms);
	return EXIT_OK;
}
