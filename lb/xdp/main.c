// SPDX-License-Identifier: Apache-2.0
/* The command line of xdp-lb. */
#include <stdio.h>
#include <string.h>

#include "commands.h"

#define BALANCING                                                                                            \
	"  --plane PLANE          xdp (default), tc, or user: AF_XDP sockets and a thread for each queue\n"  \
	"  --mode MODE            generic (default) or native XDP\n"                                         \
	"  --vip ADDRESS,...      what to balance\n"                                                         \
	"  --active INDEX=MAC,... targets that are active at the start\n"                                    \
	"  --hash HASH            maglev (default) or modulo\n"                                              \
	"  -p, --ports            hash ports and protocol too, not only addresses\n"                         \
	"  --M M                  slots of the Maglev table, a prime (997)\n"                                \
	"  --N N                  targets at most, up to 1000 (32)\n"                                        \
	"  --seed SEED            of the hash and the permutations (0)\n"                                    \
	"  --connections N        remember so many connections (0: none), the least recently used go "       \
	"first\n"                                                                                            \
	"  --queues N             queues of both interfaces that --plane user serves (1)\n"                  \
	"  --broken random        pick at random, to prove that a test notices\n"

/* Sorted by name. */
static const struct command commands[] = {
	{"check", "does this kernel take the programs?",
	 "Usage: xdp-lb check --vip ADDRESS [options]\n"
	 "Loads the plane's program and lets it go again. Nothing is attached.\n" BALANCING,
	 command_check},
	{"features", "set offloads and queues of an interface",
	 "Usage: xdp-lb features --dev NAME [--tx-checksum on|off] [--tso on|off] [--gro on|off] [--queues "
	 "N]\n"
	 "Frames that an XDP program redirects must have their checksums and be no larger than the MTU: both "
	 "off where\n"
	 "they are sent. Native XDP over veth needs GRO on at the peer of the interface where frames leave.\n"
	 "Example: xdp-lb features --dev veth0 --tx-checksum off --tso off\n",
	 command_features},
	{"run", "balance packets",
	 "Usage: xdp-lb run --dev NAME [--egress NAME] --vip ADDRESS,... [options]\n"
	 "  --dev NAME             the interface where packets come in\n"
	 "  --egress NAME          the one where they leave to the targets (the same)\n"
	 "  --name NAME            how `set`, `show` and `stats` call it (xdp-lb)\n" BALANCING
	 "Prints one JSON line when it is attached, and the counters at SIGTERM or SIGINT, when it is "
	 "detached.\n"
	 "Example: xdp-lb run --dev eth2 --egress eth1 --vip 10.0.0.0,1000:: -p --active "
	 "0=00:00:00:01:01:01\n",
	 command_run},
	{"set", "replace the active set",
	 "Usage: xdp-lb set [--name NAME] --active INDEX=MAC,...\n"
	 "Makes exactly these targets active, in one publication; '' for none. Prints the new version as "
	 "JSON.\n"
	 "Example: xdp-lb set --active 0=00:00:00:01:01:01,1=00:00:00:01:01:02\n",
	 command_set},
	{"show", "print the active targets and their slots", "Usage: xdp-lb show [--name NAME]\n",
	 command_show},
	{"stats", "print the counters",
	 "Usage: xdp-lb stats [--name NAME] [--watch SECONDS [--rounds N] [--time]]\n"
	 "Prints the counters since the start as one JSON line, or with --watch every so many seconds what "
	 "has come in\n"
	 "since, by counter and target. --time has the kernel time all its BPF programs meanwhile, which "
	 "costs some ns a run.\n",
	 command_stats},
	{"try", "what would be done with these frames?",
	 "Usage: xdp-lb try --vip ADDRESS,... [options]\n"
	 "Reads Ethernet frames as lines of hexadecimal digits, and prints for each the verdict, the "
	 "target's index, the\n"
	 "counters that moved and the frame as it would leave. Nothing is attached or sent. Without --dev "
	 "our own MAC is\n"
	 "02:00:00:00:00:01, and that of the interface where frames leave ends in 02.\n"
	 "  --repeat N             run each frame N times for as long as its hops last; \"ns\" is the median "
	 "for one\n"
	 "  --dev NAME, --egress NAME\n" BALANCING,
	 command_try},
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void print_help(FILE *out)
{
	fputs("Usage: xdp-lb COMMAND [options]\n"
	      "Balances packets over targets by their MAC addresses, in XDP, in TC, or in user space by "
	      "AF_XDP.\n\n",
	      out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-12s%s\n", commands[i].name, commands[i].summary);
	fputs("\n'xdp-lb COMMAND --help' tells more.\n", out);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].main(&commands[i], argc - 1, argv + 1);
	if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		print_help(stdout);
		return EXIT_OK;
	}
	if (*name)
		fprintf(stderr, "Unknown command '%s'.\n", name);
	print_help(stderr);
	return EXIT_USAGE;
}
