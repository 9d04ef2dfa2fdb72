// SPDX-License-Identifier: Apache-2.0
/* The command line of xdp-lb. */
#include "cli/commands.h"
#include "commands.h"

/* Sorted by name. */
static const struct command commands[] = {
	{"check", "does this kernel take the programs?", "check --vip ADDRESS [options]",
	 "Loads the plane's program and lets it go again. Nothing is attached.\n", NULL, command_check},
	{"features", "set offloads and queues of an interface", "features --dev NAME [options]",
	 "Frames that an XDP program redirects must have their checksums and be no larger than the MTU: both "
	 "off where\n"
	 "they are sent. Native XDP over veth needs GRO on at the peer of the interface where frames "
	 "leave.\n",
	 "xdp-lb features --dev veth0 --tx-checksum off --tso off\n", command_features},
	{"run", "balance packets", "run --dev NAME [--egress NAME] --vip ADDRESS,... [options]",
	 "Prints one JSON line when it is attached, and the counters at SIGTERM or SIGINT, when it is "
	 "detached.\n",
	 "xdp-lb run --dev eth2 --egress eth1 --vip 10.0.0.0,1000:: -p --active 0=00:00:00:01:01:01\n",
	 command_run},
	{"set", "replace the active set", "set [options] --active INDEX=MAC,...",
	 "Makes exactly these targets active, in one publication. Prints the new version as JSON.\n",
	 "xdp-lb set --active 0=00:00:00:01:01:01,1=00:00:00:01:01:02\n", command_set},
	{"show", "print the active targets and their slots", "show [options]", "Prints one JSON line.\n",
	 NULL, command_show},
	{"stats", "print the counters", "stats [options]",
	 "Prints the counters since the start as one JSON line, or with --watch every so many seconds what "
	 "has come in\n"
	 "since, by counter and target.\n",
	 NULL, command_stats},
	{"try", "what would be done with these frames?", "try --vip ADDRESS,... [options]",
	 "Reads Ethernet frames as lines of hexadecimal digits, and prints for each the verdict, the "
	 "target's index, the\n"
	 "counters that moved and the frame as it would leave. Nothing is attached or sent. Without --dev "
	 "our own MAC\n"
	 "is 02:00:00:00:00:01, and that of the interface where frames leave ends in 02.\n",
	 NULL, command_try},
};

int main(int argc, char **argv)
{
	const struct program program = {"xdp-lb",
					"Balances packets over targets by their MAC addresses, in XDP, in "
					"TC, or in user space by AF_XDP.\n",
					commands, COUNT_OF(commands)};

	return program_main(&program, argc, argv);
}
