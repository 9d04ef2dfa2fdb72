// SPDX-License-Identifier: Apache-2.0
/* Listens in the fabric, and writes what was sent of connections in trouble. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cli/options.h"
#include "flows.h"
#include "record.h"
#include "ring.h"
#include "util/clock.h"
#include "util/signals.h"

#define PORTS_MAX 4096
/* Blocks of which the kernel is always sure. */
#define FREE_PART 4
#define FLOW_SLOTS (1U << 21)

enum port { PORT_UNKNOWN, PORT_OTHER, PORT_TESTER };

struct tap {
	struct ring ring;
	struct flows flows;
	struct networks clients;
	const char *tester; /* names, with commas between them */
	bool live; /* everything is written at once, and nothing kept */
	uint8_t ports[PORTS_MAX]; /* enum port by ifindex */
	uint64_t offset;	  /* from CLOCK_REALTIME to CLOCK_MONOTONIC, modulo 2^64 */
	struct record_end counts;
};

static void put(const void *data, size_t size)
{
	if (fwrite(data, 1, size, stdout) != size)
		fail(EXIT_ERROR, "Cannot write: %s.", strerror(errno));
}

/* Whether the port's name begins with one of the testers'. */
static bool is_tester(const struct tap *tap, const char *port)
{
	for (const char *name = tap->tester;; name++) {
		const size_t length = strcspn(name, ",");

		if (strncmp(port, name, length) == 0 && port[length] == '.')
			return true;
		name += length;
		if (!*name)
			return false;
	}
}

/* Of a port that is new its name is written once. */
static enum port port_of(struct tap *tap, uint32_t ifindex)
{
	char name[IF_NAMESIZE] = "";
	struct record record = {.kind = RECORD_PORT, .ifindex = ifindex};

	if (ifindex >= PORTS_MAX)
		return PORT_OTHER;
	if (tap->ports[ifindex] == PORT_UNKNOWN) {
		if (!if_indextoname(ifindex, name))
			return PORT_OTHER;
		record.size = (uint16_t)strlen(name);
		put(&record, sizeof(record));
		put(name, record.size);
		tap->ports[ifindex] = is_tester(tap, name) ? PORT_TESTER : PORT_OTHER;
	}
	return tap->ports[ifindex];
}

static void note(struct tap *tap, const struct captured *captured)
{
	struct frame frame;

	tap->counts.seen++;
	if (!frame_read(captured->data, captured->captured, captured->length, &tap->clients, &frame))
		return;
	if (!flows_note(&tap->flows, &frame, port_of(tap, captured->ifindex) == PORT_TESTER))
		tap->counts.untracked++;
}

static void write_frame(struct tap *tap, const struct captured *captured)
{
	const struct record record = {.kind = RECORD_PACKET,
				      .size = (uint16_t)captured->captured,
				      .ifindex = captured->ifindex,
				      .t = captured->t + tap->offset,
				      .length = captured->length};

	tap->counts.written++;
	put(&record, sizeof(record));
	put(captured->data, captured->captured);
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
		if (all || !slot || slot->trouble)
			write_frame(tap, &captured);
		else
			tap->counts.overwritten++;
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

static void finish(struct tap *tap)
{
	const struct record record = {.kind = RECORD_END, .size = sizeof(tap->counts)};
	struct rusage used;

	while (tap->ring.held > 0)
		release_oldest(tap, true);
	tap->counts.dropped = ring_dropped(&tap->ring);
	getrusage(RUSAGE_SELF, &used);
	tap->counts.cpu_ns = ((uint64_t)used.ru_utime.tv_sec + (uint64_t)used.ru_stime.tv_sec) * 1000000000 +
			     ((uint64_t)used.ru_utime.tv_usec + (uint64_t)used.ru_stime.tv_usec) * 1000;
	put(&record, sizeof(record));
	put(&tap->counts, sizeof(tap->counts));
	fflush(stdout);
}

static const struct command command = {
	NULL, NULL, "--client NETWORK [options]",
	"Listens to all that machines send into this network namespace's devices. At SIGTERM or SIGINT, and when the\n"
	"ring is full, writes records (record.h) of connections in trouble on stdout: resets, ICMP errors, and what a\n"
	"client sends again are signs of it. Prints \"ready\" on stderr.\n",
	"tap --client 50.0.0.0/16 --client 2000::/112 --tester vm-221 >packets\n", NULL};

int main(int argc, char **argv)
{
	static struct tap tap = {.tester = "vm-221"};
	uint32_t mebibytes = 32, retire_ms = 50;
	bool full = false;
	int signals;
	const struct option_spec specs[] = {
		{"client", 0, "NETWORK", "clients' addresses: 50.0.0.0/16 (repeatable)", .parse = networks_add,
		 .to = &tap.clients},
		{"tester", 0, "NAME,...", "clients' machines: their ports' names begin so, and a dot follows (vm-221)",
		 .text = &tap.tester},
		{"memory", 0, "MIB", "size of the ring (32)", .number = &mebibytes, .min = 1, .max = 4096},
		{"retire", 0, "MS", "the kernel gives what a block has after so long (50)", .number = &retire_ms,
		 .min = 10, .max = 60000},
		{"live", 0, NULL, "write every packet when it comes, and keep none", .flag = &tap.live},
		{"full", 0, NULL, "all packets; else those with SYN, FIN or RST, and ICMP", .flag = &full},
	};

	parse_options(&command, argc, argv, specs, COUNT_OF(specs), 0);
	if (tap.clients.n == 0)
		fail(EXIT_USAGE, "--client is missing. Try 'tap --help'.");
	signals = signals_open();
	flows_open(&tap.flows, FLOW_SLOTS);
	ring_open(&tap.ring, mebibytes, retire_ms, !full);
	fputs("ready\n", stderr);
	do {
		tap.offset = monotonic_offset();
		take_all(&tap);
	} while (ring_wait(&tap.ring, signals));
	/* The kernel gives a block that is not full after a while only. */
	usleep(2000 * retire_ms);
	take_all(&tap);
	finish(&tap);
	ring_close(&tap.ring);
	flows_close(&tap.flows);
	return EXIT_OK;
}
