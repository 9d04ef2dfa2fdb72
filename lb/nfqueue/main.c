// SPDX-License-Identifier: Apache-2.0
/* The command line of nfqueue-lb. */
#include "cli/commands.h"
#include "commands.h"

/* Sorted by name. */
static const struct command commands[] = {
	{"activate", "add targets", "activate [options] FWMARK...",
	 "Activates targets in one atomic update. Prints the new version as JSON.\n",
	 "nfqueue-lb activate 101 102 103\n", command_activate},
	{"clean", "the same as delete", "clean [options]", "Removes the table, unless a balancer runs on it.\n",
	 NULL, command_delete},
	{"create", "create a Maglev table with active targets", "create [options] M N",
	 "Creates a Maglev table of N targets and as many slots as the largest prime up to M, or replaces it. Targets\n"
	 "1 to I are active, with their numbers as fwmarks. Prints the version as JSON.\n",
	 "nfqueue-lb create -i 5 100 10\n", command_create},
	{"deactivate", "deactivate targets", "deactivate [options] FWMARK...\ndeactivate [options] --index I",
	 "Deactivates targets in one atomic update. Their indexes stay. Prints the new version as JSON.\n",
	 "nfqueue-lb deactivate 101 102\n", command_deactivate},
	{"delete", "remove the table", "delete [options]",
	 "Removes the table, unless a balancer runs on it.\n", NULL, command_delete},
	{"flow-delete", "remove flows", "flow-delete [options] FLOW...",
	 "Removes flows in one atomic update.\n", "nfqueue-lb flow-delete web dns\n", command_flow_delete},
	{"flow-list", "print the flows with their counters", "flow-list [options]",
	 "Prints all flows with their packet counts as JSON, in the order of the lookup.\n", NULL,
	 command_flow_list},
	{"flow-set", "add or change flows",
	 "flow-set --name FLOW --targets TABLE [conditions]\nflow-set --batch [--replace]",
	 "Adds or changes a flow: packets that meet all conditions go to the targets of its table. The\n"
	 "command waits until a running 'run --flows' uses the change. Prints the version as JSON.\n",
	 "nfqueue-lb flow-set --name web --priority 10 --protocols tcp --dsts 10.0.0.0/32,1000::/128 "
	 "--dports 80,443 --targets web\n",
	 command_flow_set},
	{"init", "create a table", "init [options]", "Creates a table without targets.\n",
	 "nfqueue-lb init -p --M 65537 --N 100 --mask 0xffff\n", command_init},
	{"lookup", "print the target of a flow",
	 "lookup [options] --src ADDRESS[:PORT] --dst ADDRESS[:PORT]\n"
	 "lookup [options] --packet HEX [--length N]\nlookup [options] --batch",
	 "Prints outcome, key, hash, slot, index and fwmark as JSON. For icmp and icmpv6 the source port is "
	 "the\n"
	 "identifier of an echo request.\n",
	 "nfqueue-lb lookup --src [2000::1]:4000 --dst [1000::]:5001\n", command_lookup},
	{"run", "balance packets", "run [options]",
	 "Prints one JSON line when all queues are bound, and the counters at SIGTERM or SIGINT.\n",
	 "iptables -t mangle -A PREROUTING -d 10.0.0.0 -j NFQUEUE --queue-num 2\n"
	 "         nfqueue-lb run --queue 2\n",
	 command_run},
	{"set", "replace the active set", "set [options] --active INDEX:FWMARK,...",
	 "Replaces the active set in one atomic update. Prints the new version as JSON.\n",
	 "nfqueue-lb set --active 0:101,1:102,2:103\n", command_set},
	{"show", "print the table", "show [options]",
	 "Prints the configuration and the targets with their slots.\n", NULL, command_show},
	{"stats", "print the counters", "stats [options]",
	 "Prints the counters since the start of the last run as one JSON line, with the drops of the\n"
	 "kernel in the current network namespace.\n",
	 NULL, command_stats},
};

int main(int argc, char **argv)
{
	const struct program program = {
		"nfqueue-lb",
		"Balances packets of netfilter queues over targets: sets the fwmark of each packet.\n",
		commands, COUNT_OF(commands)};

	return program_main(&program, argc, argv);
}
