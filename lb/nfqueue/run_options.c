// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "encap.h"
#include "remember.h"
#include "run.h"

/* "2" or "0:3". */
static void parse_queues(struct run *run, const char *text)
{
	char *colon, *copy = strdup(text);
	uint32_t last;

	if (!copy)
		fail(EXIT_ERROR, "Out of memory.");
	colon = strchr(copy, ':');
	if (colon)
		*colon = '\0';
	run->first = parse_number(copy, "The queue", 0, UINT16_MAX);
	last = colon ? parse_number(colon + 1, "The last queue", run->first, UINT16_MAX) : run->first;
	free(copy);
	run->workers_n = last - run->first + 1;
	if (run->workers_n > WORKERS_MAX)
		fail(EXIT_USAGE, "At most %u queues can be served, not %u.", WORKERS_MAX, run->workers_n);
}

void run_parse(struct run *run, const struct command *command, int argc, char **argv)
{
	const char *queues = "0", *broken = NULL;
	struct worker_options *options = &run->options;
	struct fragment_options *fragments = &run->fragments;
	const struct option_spec specs[] = {
		OPTION_SHM(&run->shm),
		{"queue", 0, "Q|FIRST:LAST", "netfilter queues to serve, one thread each (0)",
		 .text = &queues},
		{"take-over", 0, NULL,
		 "take the place of the balancer that runs on the table: its queues with all that waits "
		 "there, and\n"
		 "its counters",
		 .flag = &run->take_over},
		{"per-cpu", 0, NULL,
		 "pin the thread of queue FIRST + n to CPU n, for rules with --queue-cpu-fanout",
		 .flag = &run->per_cpu},
		{"batch", 0, "N", "maximum number of packets per system call (64)", .number = &options->batch,
		 .min = 1, .max = 1024},
		{"qlength", 0, "N", "maximum number of packets in a kernel queue (4096)",
		 .number = &options->queue.length, .min = 1, .max = 1000000},
		{"receive-buffer", 0, "N", "bytes of the socket's receive buffer (enough for --qlength)",
		 .number = &options->queue.buffer, .min = 4608, .max = INT32_MAX},
		{"copy", 0, "N", "bytes of each packet to copy to user space; more for long headers (256)",
		 .number = &options->queue.copy, .min = 64, .max = 65000},
		{"notargets-fwmark", 0, "N", "fwmark of packets without an active target (drop)",
		 .number = &options->no_target_fwmark, .min = 1, .max = UINT32_MAX},
		{"fail-open", 0, NULL, "accept packets of a full queue with their present mark",
		 .flag = &options->queue.fail_open},
		{"remember", 0, NULL, "create conntrack entries with the mark for TCP packets",
		 .flag = &options->remember},
		{"broken", 0, "random", "random target per packet, to verify a test", .text = &broken},
		{"flows", 0, NULL, "use the table of the first matching flow: see flow-set",
		 .flag = &run->flows},
		{"nolb-fwmark", 0, "N", "fwmark of packets without a matching flow (drop)",
		 .number = &options->no_flow_fwmark, .min = 1, .max = UINT32_MAX},
		{"promiscuous-ping", 0, NULL,
		 "echo requests go by the addresses of flows alone, whatever else these ask for",
		 .flag = &options->promiscuous_ping},
		OPTION_SCTP_ENCAP(&options->sctp_encap),
		{"fragments", 0, NULL,
		 "keep the fragments of a datagram together, with its flow; reserves the queue after\nthe "
		 "last one",
		 .flag = &options->fragments},
		{"fragment-ttl", 0, "MS",
		 "lifetime of a datagram entry, and of fragments without their first one (500)",
		 .number = &run->ttl_ms, .min = 1, .max = 60000},
		{"fragment-datagrams", 0, "N", "maximum number of datagram entries (32768)",
		 .number = &fragments->limits.datagrams, .min = 16, .max = 1u << 24},
		{"fragment-bytes", 0, "N", "maximum bytes of waiting fragments (16777216)",
		 .number = &fragments->limits.bytes, .min = 1u << 17, .max = 1u << 30},
		{"reassembler", 0, NULL, "free a datagram's entry once all of its fragments have passed",
		 .flag = &fragments->reassembler},
		{"tun", 0, "NAME", "device to reinject fragments (lb-fragments)", .text = &fragments->tun},
		{"routers", 0, "NAME", "table of all routers: the addresses of a fragment select its router",
		 .text = &run->routers_shm},
		{"own", 0, "M", "fwmark of this router in the table of --routers", .number = &fragments->own,
		 .min = 1, .max = UINT32_MAX},
	};

	parse_options(command, argc, argv, specs, sizeof(specs) / sizeof(*specs), 0);
	parse_queues(run, queues);
	if (run->per_cpu && run->workers_n > (uint32_t)sysconf(_SC_NPROCESSORS_ONLN))
		fail(EXIT_USAGE, "--per-cpu takes at most one queue per CPU: %ld, not %u.",
		     sysconf(_SC_NPROCESSORS_ONLN), run->workers_n);
	if (broken && strcmp(broken, "random") != 0)
		fail(EXIT_USAGE, "--broken must be 'random', not '%s'.", broken);
	options->random = broken;
	if (options->no_flow_fwmark && !run->flows)
		fail(EXIT_USAGE, "--nolb-fwmark needs --flows.");
	if (options->promiscuous_ping && !run->flows)
		fail(EXIT_USAGE, "--promiscuous-ping needs --flows.");
	if (!options->fragments && run->routers_shm)
		fail(EXIT_USAGE, "--routers needs --fragments.");
	if (!run->routers_shm != !fragments->own)
		fail(EXIT_USAGE, "--routers and --own need each other.");
	options->queue.answers =
		options->batch * (QUEUE_VERDICT_SIZE + (options->remember ? REMEMBER_SIZE : 0));
	if (!options->fragments)
		return;
	fragments->limits.ttl_ns = run->ttl_ms * 1000000ull;
	options->fragment_queue = run->first + run->workers_n++;
	if (run->workers_n > WORKERS_MAX || options->fragment_queue < run->first)
		fail(EXIT_USAGE, "No queue is left for fragments after queue %u.",
		     run->first + run->workers_n - 2u);
}
