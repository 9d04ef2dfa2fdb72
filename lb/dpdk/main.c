// SPDX-License-Identifier: Apache-2.0
/* Maglev over MAC addresses in user space by DPDK: frames for the VIP go to their target's MAC. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "../nfqueue/store.h"
#include "../xdp/devices.h"
#include "../xdp/steer_text.h"
#include "../xdp/user_steer.h"
#include "cli/commands.h"
#include "control/socket.h"
#include "control/stats.h"
#include "json/json.h"
#include "packet/checksum.h"
#include "plane.h"
#include "util/clock.h"
#include "util/signals.h"

#define DEFAULT_NAME "dpdk-lb"
/* Between two looks at signals and callers while frames come. */
#define LOOK_POLLS 256

struct balancer {
	const char *name, *shm, *ingress, *egress, *vips, *macs;
	struct steer_config config;
	struct table table;
	struct user_table steer;
	struct user_counters counters;
	uint64_t finished; /* checksums */
	struct plane *plane;
};

/* A veth sender leaves the checksum to the receiver's kernel, which never sees what is sent on from here. */
static bool steer(void *context, uint8_t *frame, uint32_t size)
{
	struct balancer *balancer = context;

	if (user_steer(&balancer->steer, frame, size, &balancer->counters) != STEER_FORWARD)
		return false;
	balancer->finished += checksum_finish_partial(frame, size);
	return true;
}

static void answer(void *context, const void *question, size_t size, struct text *text)
{
	const struct balancer *balancer = context;
	struct plane_counts counts;
	struct rusage used;

	(void)question;
	(void)size;
	plane_counts(balancer->plane, &counts);
	getrusage(RUSAGE_SELF, &used);
	json_event(text, "stats", clock_ns());
	steer_counts_json(text, balancer->counters.count, balancer->counters.picked, balancer->table.config.n);
	json_number(text, "checksums_finished", balancer->finished);
	json_number(text, "port_refused", counts.refused);
	json_number(text, "port_missed", counts.missed);
	json_number(text, "polls", counts.polls);
	json_number(text, "sleeps", counts.sleeps);
	json_number(text, "cpu_us", (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
					    (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec));
	json_number(text, "memory_kb", (uint64_t)used.ru_maxrss);
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

static void serve(struct balancer *balancer, int signals, int listener)
{
	struct pollfd events[] = {{.fd = signals, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
	uint32_t since = LOOK_POLLS;
	char question[1];

	for (;;) {
		const uint32_t n = plane_poll(balancer->plane, steer, balancer);

		plane_rest(balancer->plane, n);
		if (++since < LOOK_POLLS && n > 0)
			continue;
		since = 0;
		if (poll(events, 2, 0) <= 0)
			continue;
		if (events[0].revents)
			return;
		control_socket_serve(listener, question, sizeof(question), answer, balancer);
	}
}

static void configure(struct balancer *balancer)
{
	struct steer_config *config = &balancer->config;
	struct member members[MAGLEV_N_MAX];
	uint32_t mtus[2], ifindex;

	find_device(balancer->ingress, &ifindex, config->own_mac, &mtus[0]);
	find_device(balancer->egress, &config->egress_ifindex, config->egress_mac, &mtus[1]);
	add_vips(config, balancer->vips);
	store_open(balancer->shm, true, &balancer->table);
	store_claim(balancer->shm, &balancer->table);
	config->seed = balancer->table.config.seed;
	config->ports = balancer->table.config.ports;
	config->targets = balancer->table.config.n;
	balancer->steer = (struct user_table){.config = config, .table = &balancer->table};
	members_parse(strdup(balancer->macs), members, config->targets);
	for (uint32_t i = 0; i < config->targets; i++)
		user_set_mac(&balancer->steer, i, members[i].mac);
	balancer->plane = plane_open(balancer->ingress, balancer->egress, mtus[mtus[1] > mtus[0]]);
}

static int command_run(const struct command *command, int argc, char **argv)
{
	static struct balancer balancer = {.name = DEFAULT_NAME, .shm = DEFAULT_NAME};
	const struct option_spec specs[] = {
		{"name", 0, "NAME", "for 'stats' (dpdk-lb)", .text = &balancer.name},
		{"shm", 0, "NAME", "table in /dev/shm, as 'nfqueue-lb init' makes it (dpdk-lb)", .text = &balancer.shm},
		{"ingress", 0, "DEVICE", "interface where frames for the VIP come in", .text = &balancer.ingress},
		{"egress", 0, "DEVICE", "interface of the targets", .text = &balancer.egress},
		{"vip", 0, "ADDRESS,...", "addresses that are balanced", .text = &balancer.vips},
		{"macs", 0, "INDEX=MAC,...", "MAC of each target by its index in the table", .text = &balancer.macs},
	};
	int signals, listener;

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	if (!balancer.ingress || !balancer.egress || !balancer.vips || !balancer.macs)
		fail(EXIT_USAGE, "--ingress, --egress, --vip and --macs are needed. Try 'dpdk-lb run --help'.");
	signals = signals_open();
	listener = control_socket_listen(balancer.name);
	/* A timer may be late by this: 50 us unless told. */
	prctl(PR_SET_TIMERSLACK, 1000UL);
	configure(&balancer);
	print_ready();
	serve(&balancer, signals, listener);
	plane_close(balancer.plane);
	return EXIT_OK;
}

static int command_stats(const struct command *command, int argc, char **argv)
{
	return control_stats(command, argc, argv, "dpdk-lb", DEFAULT_NAME);
}

/* Sorted by name. */
static const struct command commands[] = {
	{"run", "balance frames", "run [options] --ingress DEVICE --egress DEVICE --vip ADDRESS,... --macs INDEX=MAC,...",
	 "Sends frames for the VIP to the MAC of their target. The kernel sees them too: give the VIP a blackhole\n"
	 "route. Targets are changed in the table ('nfqueue-lb activate --shm dpdk-lb ...'). Ends by SIGTERM.\n",
	 "dpdk-lb run --ingress eth2 --egress eth1 --vip 10.0.0.0,1000:: --macs 0=00:00:00:01:01:01\n", command_run},
	{"stats", "print the counters", "stats [options]", "Prints the counters as one JSON line.\n", NULL, command_stats},
};

int main(int argc, char **argv)
{
	const struct program program = {"dpdk-lb", "Balances frames over targets by their MAC addresses, with DPDK.\n",
					commands, COUNT_OF(commands)};

	return program_main(&program, argc, argv);
}
