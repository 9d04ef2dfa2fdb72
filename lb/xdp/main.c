// SPDX-License-Identifier: Apache-2.0
/* The command line of xdp-lb. */
#include "cli/commands.h"
#include "commands.h"

/* Sorted by name. */
static const struct command commands[] = {
	{"check", "check the BPF programs against this kernel", "check --vip ADDRESS [options]",
	 "Loads and unloads the program of the plane; attaches nothing.\n", NULL, command_check},
	{"features", "set offloads and queues of an interface", "features --dev NAME [options]",
	 "Redirected frames must have valid checksums and fit the MTU: switch --tx-checksum and --tso off "
	 "at\n"
	 "the sender. Native XDP over veth needs --gro on at the peer of the egress interface.\n",
	 "xdp-lb features --dev veth0 --tx-checksum off --tso off\n", command_features},
	{"run", "balance packets", "run --dev NAME [--egress NAME] --vip ADDRESS,... [options]",
	 "Prints one JSON line after the attachment, and the counters at SIGTERM or SIGINT.\n",
	 "xdp-lb run --dev eth2 --egress eth1 --vip 10.0.0.0,1000:: -p --active 0=00:00:00:01:01:01\n",
	 command_run},
	{"set", "replace the active set", "set [options] --active INDEX=MAC,...",
	 "Replaces the active set in one atomic update. Prints the new version as JSON.\n",
	 "xdp-lb set --active 0=00:00:00:01:01:01,1=00:00:00:01:01:02\n", command_set},
	{"show", "print the active targets and their slots", "show [options]", "Prints one JSON line.\n",
	 NULL, command_show},
	{"stats", "print the counters", "stats [options]",
	 "Prints the counters since the start as one JSON line; with --watch rates by counter and target.\n",
	 NULL, command_stats},
	{"try", "print the verdict on frames", "try --vip ADDRESS,... [options]",
	 "Reads Ethernet frames as lines of hexadecimal digits. Prints the verdict, the target's index, the\n"
	 "changed counters and the resulting frame of each. Attaches and sends nothing. Without --dev the\n"
	 "MAC addresses are 02:00:00:00:00:01 (ingress) and 02:00:00:00:00:02 (egress).\n",
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
