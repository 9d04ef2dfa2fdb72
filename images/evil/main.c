// SPDX-License-Identifier: Apache-2.0
/* A cable that loses, delays, doubles and damages packets between two devices, and counts each of them. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/timerfd.h>

#include "cli/commands.h"
#include "control/socket.h"
#include "control/stats.h"
#include "faults.h"
#include "json/json.h"
#include "link.h"
#include "packet/checksum.h"
#include "util/clock.h"
#include "util/memory.h"
#include "util/signals.h"

#define DEFAULT_NAME "evil"
/* Frames taken from one device before the other one has its turn. */
#define TURN 256

/* IP packets; other frames pass untouched, and uncounted. */
enum counter { RECEIVED, LOST, COPIED, DAMAGED, AHEAD, OVERRUN, REFUSED, SENT, COUNTERS };
static const char *const counter_names[COUNTERS] = {"received", "lost",	   "copied",  "damaged",
						     "ahead",	 "overrun", "refused", "sent"};

/* A copy that waits. */
struct kept {
	struct virtio_net_hdr offload;
	uint32_t size;
	uint8_t data[];
};

struct direction {
	int from, to;
	uint64_t random;
	struct queue queue;
	uint64_t counters[COUNTERS];
};

struct evil {
	const char *name, *inner, *outer;
	uint32_t delay_us, seed;
	struct fault_rates rates;
	struct direction ways[2]; /* from the inner device to the outer one, and back */
};

static void send_frame(struct direction *way, const struct virtio_net_hdr *offload, const uint8_t *data, size_t size,
		       bool counted)
{
	const int error = link_send(way->to, offload, data, size);

	if (counted)
		way->counters[error ? REFUSED : SENT]++;
}

static void keep(struct direction *way, const struct frame *frame, size_t size, uint64_t due)
{
	struct kept *kept = allocate(sizeof(*kept) + size);

	kept->offload = frame->offload;
	kept->size = (uint32_t)size;
	memcpy(kept->data, frame->data, size);
	queue_put(&way->queue, due, kept);
}

/* What the hardware is still to do would make it whole again, and large frames are many packets. */
static bool may_be_damaged(struct frame *frame, size_t size)
{
	struct virtio_net_hdr *offload = &frame->offload;

	if (offload->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return false;
	if ((offload->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	    !checksum_finish(frame->data, size, offload->csum_start, offload->csum_offset))
		return false;
	*offload = (struct virtio_net_hdr){0};
	return true;
}

static void pass(const struct evil *evil, struct direction *way, struct frame *frame, size_t size, uint64_t now)
{
	struct fate fate;

	if (!frame_is_ip(frame->data, size)) {
		send_frame(way, &frame->offload, frame->data, size, false);
		return;
	}
	fate = fate_draw(&evil->rates, &way->random);
	way->counters[RECEIVED]++;
	way->counters[LOST] += fate.lost;
	if (fate.lost)
		return;
	if (fate.damaged && may_be_damaged(frame, size)) {
		frame_damage(frame->data, size, &way->random);
		way->counters[DAMAGED]++;
	}
	way->counters[COPIED] += fate.copied;
	way->counters[AHEAD] += fate.delay_ns != evil->rates.delay_ns;
	for (int i = 0; i <= fate.copied; i++) {
		if (fate.delay_ns)
			keep(way, frame, size, now + fate.delay_ns);
		else
			send_frame(way, &frame->offload, frame->data, size, true);
	}
}

static void take(const struct evil *evil, struct direction *way)
{
	static struct frame frame;
	ssize_t size;

	for (int i = 0; i < TURN && (size = link_receive(way->from, &frame)) >= 0; i++)
		pass(evil, way, &frame, (size_t)size, clock_ns());
}

static void send_due(struct direction *way)
{
	struct kept *kept;

	while ((kept = queue_take(&way->queue, clock_ns()))) {
		send_frame(way, &kept->offload, kept->data, kept->size, true);
		release(kept);
	}
}

/* Disarmed where nothing waits. */
static void set_timer(const struct evil *evil, int timer)
{
	struct itimerspec at = {0};
	uint64_t due = UINT64_MAX;

	for (int i = 0; i < 2; i++)
		if (evil->ways[i].queue.n && evil->ways[i].queue.list[0].due < due)
			due = evil->ways[i].queue.list[0].due;
	if (due != UINT64_MAX)
		at.it_value = (struct timespec){(time_t)(due / 1000000000), (long)(due % 1000000000)};
	timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void add_way(struct text *text, const char *key, struct direction *way)
{
	way->counters[OVERRUN] += link_overrun(way->from);
	json_object(text, key);
	for (int i = 0; i < COUNTERS; i++)
		json_number(text, counter_names[i], way->counters[i]);
	json_number(text, "waiting", way->queue.n);
	json_object_end(text);
}

static void answer(void *context, const void *question, size_t size, struct text *text)
{
	struct evil *evil = context;

	(void)question;
	(void)size;
	json_object(text, NULL);
	add_way(text, "outward", &evil->ways[0]);
	add_way(text, "inward", &evil->ways[1]);
	json_line(text);
}

static void print_ready(void)
{
	struct text text = {0};

	json_event(&text, "ready", clock_ns());
	json_line(&text);
	text_print(&text, stdout);
	text_free(&text);
}

static void serve(struct evil *evil)
{
	const int signals = signals_open(), listener = control_socket_listen(evil->name);
	const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	struct pollfd events[] = {{signals, POLLIN, 0},
				  {listener, POLLIN, 0},
				  {evil->ways[0].from, POLLIN, 0},
				  {evil->ways[1].from, POLLIN, 0},
				  {timer, POLLIN, 0}};
	char question[1];

	if (timer < 0)
		fail(EXIT_ERROR, "Cannot make a timer: %s.", strerror(errno));
	print_ready();
	while (!events[0].revents) {
		if (poll(events, 5, -1) < 0 && errno != EINTR)
			fail(EXIT_ERROR, "Cannot wait for frames: %s.", strerror(errno));
		for (int i = 0; i < 2; i++) {
			if (events[2 + i].revents)
				take(evil, &evil->ways[i]);
			send_due(&evil->ways[i]);
		}
		set_timer(evil, timer);
		if (events[1].revents)
			control_socket_serve(listener, question, sizeof(question), answer, evil);
	}
}

static int command_run(const struct command *command, int argc, char **argv)
{
	static struct evil evil = {.name = DEFAULT_NAME};
	struct fault_rates *rates = &evil.rates;
	const struct option_spec specs[] = {
		{"name", 0, "NAME", "for 'stats' (evil)", .text = &evil.name},
		{"inner", 0, "DEVICE", "one end", .text = &evil.inner},
		{"outer", 0, "DEVICE", "the other end", .text = &evil.outer},
		{"lost", 0, "N", "packets of a million that are dropped (0)", .number = &rates->lost, .max = MILLION},
		{"copied", 0, "N", "packets of a million that are sent twice (0)", .number = &rates->copied,
		 .max = MILLION},
		{"damaged", 0, "N", "packets of a million of which a bit is turned over (0)",
		 .number = &rates->damaged, .max = MILLION},
		{"delay", 0, "US", "microseconds that each packet waits (0)", .number = &evil.delay_us,
		 .max = 3600000000},
		{"ahead", 0, "N", "packets of a million that do not wait (0)", .number = &rates->ahead,
		 .max = MILLION},
		{"seed", 0, "SEED", "of all chance (0)", .number = &evil.seed, .max = UINT32_MAX},
	};

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	if (!evil.inner || !evil.outer)
		fail(EXIT_USAGE, "--inner and --outer are needed. Try 'evil run --help'.");
	rates->delay_ns = evil.delay_us * 1000ull;
	evil.ways[0] = (struct direction){.from = link_open(evil.inner), .to = link_open(evil.outer)};
	evil.ways[1] = (struct direction){.from = evil.ways[0].to, .to = evil.ways[0].from};
	for (int i = 0; i < 2; i++)
		evil.ways[i].random = 2ull * evil.seed + i + 1;
	serve(&evil);
	return EXIT_OK;
}

static int command_stats(const struct command *command, int argc, char **argv)
{
	return control_stats(command, argc, argv, "evil", DEFAULT_NAME);
}

/* Sorted by name. */
static const struct command commands[] = {
	{"run", "join two devices", "run [options] --inner DEVICE --outer DEVICE",
	 "Carries frames between two devices, and does to IP packets what it is told. Ends by SIGTERM.\n",
	 "evil run --inner veth0 --outer veth1 --lost 10000 --delay 5000 --ahead 250000\n", command_run},
	{"stats", "print what was done", "stats [options]",
	 "Prints the packets of both directions as one JSON line.\n", NULL, command_stats},
};

int main(int argc, char **argv)
{
	const struct program program = {"evil", "A cable that loses, delays, doubles and damages packets.\n", commands,
					COUNT_OF(commands)};

	return program_main(&program, argc, argv);
}
