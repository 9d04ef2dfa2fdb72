// SPDX-License-Identifier: Apache-2.0
#ifdef FLIGHT_OBJECT
#include "flight.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "flows.h"
#include "ports.h"
#include "util/clock.h"
#include "util/embed.h"
#include "util/memory.h"
#include "util/signals.h"

EMBED(flight_object, FLIGHT_OBJECT);

/* Of connections in trouble: the others are not looked at. */
#define FLOW_SLOTS (1U << 20)

struct flight {
	struct bpf_object *object;
	struct ring_buffer *signs;
	const struct flight_record *frames;
	const struct flight_marks *marks;
	uint8_t *troubled; /* a bit for each mark */
	const struct flight_position *positions;
	uint32_t rings, size;	     /* of a ring: frames */
	uint64_t done[FLIGHT_RINGS]; /* frames that are written or let go */
	uint64_t offset;	     /* from the kernel's clock to this time namespace's */
	int epoll;
	struct ports ports;
	struct flows flows;
	struct out *out;
	const struct networks *clients;
};

static void flight_close(struct flight *flight)
{
	ports_close(&flight->ports);
	ring_buffer__free(flight->signs);
	bpf_object__close(flight->object);
	if (flight->epoll >= 0)
		close(flight->epoll);
	flows_close(&flight->flows);
	release(flight->troubled);
	release(flight);
}

static int map_of(const struct flight *flight, const char *name)
{
	return bpf_object__find_map_fd_by_name(flight->object, name);
}

static const void *mapped(const struct flight *flight, const char *name, size_t bytes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at =
		mmap(NULL, (bytes + page - 1) / page * page, PROT_READ, MAP_SHARED, map_of(flight, name), 0);

	return at == MAP_FAILED ? NULL : at;
}

/* As in the object's .rodata: ring_mask, rings_mask, control_only. */
struct constants {
	uint32_t ring_mask, rings_mask;
	bool control_only;
};

static int set_entries(const struct flight *flight, const char *map)
{
	return bpf_map__set_max_entries(bpf_object__find_map_by_name(flight->object, map),
					flight->rings * flight->size);
}

static bool load(struct flight *flight, uint32_t mebibytes, bool control)
{
	const uint64_t room =
		((uint64_t)mebibytes << 20) / (sizeof(struct flight_record) + sizeof(struct flight_marks));
	const int cpus = libbpf_num_possible_cpus();
	struct constants constants = {.control_only = control};
	struct bpf_map *rodata;

	for (flight->rings = 1; flight->rings < FLIGHT_RINGS && (int)flight->rings < cpus;)
		flight->rings *= 2;
	for (flight->size = 1; 2ULL * flight->size * flight->rings <= room;)
		flight->size *= 2;
	constants.ring_mask = flight->size - 1;
	constants.rings_mask = flight->rings - 1;
	flight->object =
		bpf_object__open_mem(flight_object, (size_t)(flight_object_end - flight_object), NULL);
	if (!flight->object)
		return false;
	rodata = bpf_object__find_map_by_name(flight->object, ".rodata");
	if (!rodata || bpf_map__set_initial_value(rodata, &constants, bpf_map__value_size(rodata)) ||
	    set_entries(flight, "frames") || set_entries(flight, "marks"))
		return false;
	if (bpf_object__load(flight->object))
		return false;
	flight->frames = mapped(flight, "frames", sizeof(*flight->frames) * flight->rings * flight->size);
	flight->marks = mapped(flight, "marks", sizeof(*flight->marks) * flight->rings * flight->size);
	flight->positions = mapped(flight, "positions", sizeof(*flight->positions) * FLIGHT_RINGS);
	return flight->frames && flight->marks && flight->positions;
}

static uint32_t mark_of(const struct client *client)
{
	static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
	const bool is_v4 = memcmp(client->address, v4, sizeof(v4)) == 0;

	return flight_mark(flight_hash(flight_address(client->address + (is_v4 ? 12 : 0), is_v4 ? 4 : 6),
				       load_be16(client->port)));
}

static bool may_be_in_trouble(const struct flight *flight, uint32_t ring, uint64_t index)
{
	const struct flight_marks *marks =
		&flight->marks[(uint64_t)ring * flight->size + (index & (flight->size - 1))];
	const uint32_t source = marks->source, destination = marks->destination;

	return source == FLIGHT_ANYBODY || flight->troubled[source / 8] >> source % 8 & 1 ||
	       flight->troubled[destination / 8] >> destination % 8 & 1;
}

static int take_sign(void *context, void *data, size_t size)
{
	struct flight *flight = context;
	const struct flight_sign *sign = data;
	const uint32_t captured = sign->length < FLIGHT_SNAP ? sign->length : FLIGHT_SNAP;
	struct flow_slot *slot;
	struct frame frame;
	uint32_t mark;

	(void)size;
	if (sign->kind != FLIGHT_TROUBLE ||
	    !frame_read(sign->data, captured, sign->length, flight->clients, &frame) ||
	    frame.sign == FRAME_NONE)
		return 0;
	slot = flows_find(&flight->flows, &frame.client, true);
	if (!slot) {
		flight->out->counts.untracked++;
		return 0;
	}
	slot->trouble = true;
	mark = mark_of(&frame.client);
	flight->troubled[mark / 8] |= (uint8_t)(1U << mark % 8);
	return 0;
}

/* What there is to wait for: signs, and devices that come. */
static bool wait_for(struct flight *flight)
{
	struct epoll_event readable = {.events = EPOLLIN};

	flight->signs = ring_buffer__new(map_of(flight, "signs"), take_sign, flight, NULL);
	flight->epoll = epoll_create1(EPOLL_CLOEXEC);
	return flight->signs && flight->epoll >= 0 &&
	       epoll_ctl(flight->epoll, EPOLL_CTL_ADD, flight->ports.links, &readable) == 0 &&
	       epoll_ctl(flight->epoll, EPOLL_CTL_ADD, ring_buffer__epoll_fd(flight->signs), &readable) == 0;
}

struct flight *flight_open(struct out *out, const struct networks *clients, uint32_t mebibytes, bool control)
{
	struct flight *flight = allocate(sizeof(*flight));

	*flight = (struct flight){.out = out, .clients = clients, .ports.links = -1, .epoll = -1};
	libbpf_set_print(NULL);
	flight->troubled = allocate((1U << FLIGHT_MARK_BITS) / 8);
	flows_open(&flight->flows, FLOW_SLOTS);
	flight->offset = clock_namespace_offset();
	if (load(flight, mebibytes, control) && ports_open(&flight->ports, flight->object, out) &&
	    wait_for(flight))
		return flight;
	flight_close(flight);
	return NULL;
}

static uint64_t written(const struct flight *flight, uint32_t ring)
{
	return __atomic_load_n(&flight->positions[ring].next, __ATOMIC_ACQUIRE);
}

static const struct flight_record *record_at(const struct flight *flight, uint32_t ring, uint64_t index)
{
	return &flight->frames[(uint64_t)ring * flight->size + (index & (flight->size - 1))];
}

/* What a ring has written over before it was read is counted; returns how far it has come. */
static uint64_t catch_up(struct flight *flight, uint32_t ring)
{
	const uint64_t next = written(flight, ring);

	if (next - flight->done[ring] > flight->size) {
		flight->out->counts.dropped += next - flight->done[ring] - flight->size;
		flight->done[ring] = next - flight->size;
	}
	return next;
}

static void write_record(struct flight *flight, uint32_t ring, uint64_t index, bool all)
{
	const struct flight_record record = *record_at(flight, ring, index);
	const uint32_t bytes = record.length < FLIGHT_SNAP ? record.length : FLIGHT_SNAP;
	const struct flow_slot *slot;
	struct frame frame;

	/* Its place may have been taken while it was read. */
	if (written(flight, ring) - index >= flight->size) {
		flight->out->counts.dropped++;
		return;
	}
	if (!frame_read(record.data, bytes, record.length, flight->clients, &frame))
		return;
	slot = all ? NULL : flows_find(&flight->flows, &frame.client, false);
	if (all || (slot && slot->trouble))
		out_frame(flight->out, &(struct captured){record.data, bytes, record.length, record.ifindex,
							  record.t + flight->offset});
	else
		flight->out->counts.overwritten++;
}

/* Lets the frames of a ring go but for the last `kept`; before, what may be needed of them is written. */
static void let_go(struct flight *flight, uint32_t ring, uint64_t kept, bool all)
{
	const uint64_t end = catch_up(flight, ring) - kept;

	if (flight->flows.used == 0 && !all) {
		flight->out->counts.overwritten += end - flight->done[ring];
		flight->done[ring] = end;
	}
	for (; flight->done[ring] < end; flight->done[ring]++)
		if (all || may_be_in_trouble(flight, ring, flight->done[ring]))
			write_record(flight, ring, flight->done[ring], all);
		else
			flight->out->counts.overwritten++;
}

void flight_run(struct flight *flight, int signals)
{
	while (signals_wait(signals, flight->epoll)) {
		ports_take_changes(&flight->ports);
		ring_buffer__consume(flight->signs);
		/* Half of a ring that is three quarters full. */
		for (uint32_t ring = 0; ring < flight->rings; ring++)
			if (written(flight, ring) - flight->done[ring] > flight->size / 4 * 3)
				let_go(flight, ring, flight->size / 2, false);
	}
	ports_close(&flight->ports);
	ring_buffer__consume(flight->signs);
	for (uint32_t ring = 0; ring < flight->rings; ring++) {
		let_go(flight, ring, 0, true);
		flight->out->counts.seen += written(flight, ring);
		flight->out->counts.untracked += flight->positions[ring].untold;
	}
	out_end(flight->out);
	flight_close(flight);
}
#endif
