// SPDX-License-Identifier: Apache-2.0
/* Asks the kernel why it drops or resets packets of clients' connections in the lab's machines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tap/flows.h"
#include "../tap/record.h"
#include "cli/options.h"
#include "drops.h"
#include "kernel.h"
#include "names.h"
#include "packet/bytes.h"
#include "util/clock.h"
#include "util/signals.h"

#define MACHINES_MAX 8192
#define FLOW_SLOTS (1U << 18)
/* Of one connection: what is sent again comes later. */
#define AGAIN_NS 20000000
/* 32 MB */
#define EVENTS_MAX 200000

struct drops {
	struct networks clients;
	struct machine {
		const char *name;
		uint32_t netns;
	} machines[MACHINES_MAX];
	uint32_t machine_count;
	struct flows flows;
	bool live; /* an event is written when it comes, and none is kept */
	uint64_t offset; /* of the clock, as clock_namespace_offset() */
	struct places places;
	struct kernel kernel;
	struct ring_buffer *ring;
	struct event *events;
	uint32_t count, room;
	struct record_end counts;
};

static void put(const void *data, size_t size)
{
	if (fwrite(data, 1, size, stdout) != size)
		fail(EXIT_ERROR, "Cannot write: %s.", strerror(errno));
}

/* The whole frame's, as its IP header says. */
static uint32_t length_of(const struct event *event)
{
	const uint8_t *ip = event->bytes + EVENT_FRAME;

	return EVENT_FRAME + (ip[0] >> 4 == 4 ? load_be16(ip + 2) : 40U + load_be16(ip + 4));
}

static bool is_wanted(struct drops *drops, struct event *event)
{
	struct frame frame;
	struct flow_slot *slot;

	memcpy(event->bytes + 12, &event->protocol, 2);
	if (!frame_read(event->bytes, EVENT_BYTES, length_of(event), &drops->clients, &frame))
		return false;
	drops->counts.seen++;
	slot = flows_find(&drops->flows, &frame.client, true);
	if (!slot) {
		drops->counts.untracked++;
		return true;
	}
	if (slot->told[event->kind] && event->t - slot->told[event->kind] < AGAIN_NS)
		return false;
	slot->told[event->kind] = event->t;
	return true;
}

static uint32_t index_of(const struct drops *drops, uint32_t netns)
{
	for (uint32_t i = 0; i < drops->machine_count; i++)
		if (drops->machines[i].netns == netns)
			return i;
	return 0;
}

static void write_event(struct drops *drops, const struct event *event)
{
	struct record record = {.kind = RECORD_DROP,
				.ifindex = index_of(drops, event->netns),
				.t = event->t + drops->offset,
				.length = length_of(event)};
	const uint32_t bytes = record.length < EVENT_BYTES ? record.length : EVENT_BYTES;
	char text[128];
	const int length = snprintf(text, sizeof(text), "%c%s %s", event->kind == EVENT_DROP ? 'd' : 'r',
				    kernel_reason(&drops->kernel, event),
				    places_find(&drops->places, event->location));
	const uint8_t text_length = (uint8_t)length;

	record.size = (uint16_t)(1 + (uint32_t)length + bytes);
	put(&record, sizeof(record));
	put(&text_length, 1);
	put(text, text_length);
	put(event->bytes, bytes);
	drops->counts.written++;
}

static void keep(struct drops *drops, const struct event *event)
{
	if (drops->count == drops->room) {
		struct event *more = NULL;

		if (drops->room < EVENTS_MAX)
			more = reallocarray(drops->events, drops->room ? 2 * drops->room : 1024, sizeof(*more));
		if (!more) {
			drops->counts.overwritten++;
			return;
		}
		drops->events = more;
		drops->room = drops->room ? 2 * drops->room : 1024;
	}
	drops->events[drops->count++] = *event;
}

static int take(void *context, void *data, size_t size)
{
	struct drops *drops = context;
	struct event event;

	(void)size;
	memcpy(&event, data, sizeof(event));
	if (!is_wanted(drops, &event))
		return 0;
	if (!drops->live) {
		keep(drops, &event);
		return 0;
	}
	if (places_add(&drops->places, event.location))
		places_name(&drops->places);
	write_event(drops, &event);
	return 0;
}

static void write_machines(const struct drops *drops)
{
	for (uint32_t i = 0; i < drops->machine_count; i++) {
		const char *name = drops->machines[i].name;
		const struct record record = {
			.kind = RECORD_PORT, .size = (uint16_t)strlen(name), .ifindex = i};

		put(&record, sizeof(record));
		put(name, record.size);
	}
}

static void finish(struct drops *drops)
{
	const struct record end = {.kind = RECORD_END, .size = sizeof(drops->counts)};

	ring_buffer__consume(drops->ring);
	for (uint32_t i = 0; i < drops->count; i++)
		places_add(&drops->places, drops->events[i].location);
	places_name(&drops->places);
	for (uint32_t i = 0; i < drops->count; i++)
		write_event(drops, &drops->events[i]);
	drops->counts.dropped = kernel_lost(&drops->kernel);
	put(&end, sizeof(end));
	put(&drops->counts, sizeof(drops->counts));
	fflush(stdout);
}

/* "vm-201=4026532677" */
static bool add_machine(const char *text, void *to)
{
	struct drops *drops = to;
	const char *equals = strchr(text, '=');
	char *end;
	unsigned long netns;

	if (!equals || equals == text || drops->machine_count == MACHINES_MAX)
		return false;
	netns = strtoul(equals + 1, &end, 10);
	if (end == equals + 1 || *end || netns > UINT32_MAX)
		return false;
	drops->machines[drops->machine_count++] =
		(struct machine){strndup(text, (size_t)(equals - text)), (uint32_t)netns};
	return true;
}

static const struct command command = {
	NULL, NULL, "--client NETWORK --machine NAME=INODE [options]",
	"Asks the kernel why it drops packets of clients' connections, or answers them by a reset, in these network\n"
	"namespaces, until SIGTERM or SIGINT; then writes records (../tap/record.h) on stdout. Prints \"ready\" on stderr.\n"
	"Needs root in the initial user namespace.\n",
	"drops --client 50.0.0.0/16 --machine vm-201=$(stat -Lc %i /proc/self/ns/net) >reasons\n", NULL};

int main(int argc, char **argv)
{
	static struct drops drops;
	int signals;
	const struct option_spec specs[] = {
		{"client", 0, "NETWORK", "clients' addresses: 50.0.0.0/16 (repeatable)", .parse = networks_add,
		 .to = &drops.clients},
		{"machine", 0, "NAME=INODE", "a machine and its network namespace (repeatable)",
		 .parse = add_machine, .to = &drops},
		{"live", 0, NULL, "write each when it comes, and keep none", .flag = &drops.live},
	};

	parse_options(&command, argc, argv, specs, COUNT_OF(specs), 0);
	if (drops.clients.n == 0 || drops.machine_count == 0)
		fail(EXIT_USAGE, "--client or --machine is missing. Try 'drops --help'.");
	signals = signals_open();
	flows_open(&drops.flows, FLOW_SLOTS);
	kernel_open(&drops.kernel);
	for (uint32_t i = 0; i < drops.machine_count; i++)
		kernel_watch(&drops.kernel, drops.machines[i].netns, i);
	drops.ring = kernel_events(&drops.kernel, take, &drops);
	drops.offset = clock_namespace_offset();
	write_machines(&drops);
	fputs("ready\n", stderr);
	while (signals_wait(signals, ring_buffer__epoll_fd(drops.ring))) {
		ring_buffer__poll(drops.ring, 0);
		if (drops.live)
			fflush(stdout);
	}
	finish(&drops);
	return EXIT_OK;
}
