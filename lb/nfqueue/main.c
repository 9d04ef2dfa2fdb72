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
	{"loglevel", "print or set the log level", "loglevel [options] [LEVEL]",
	 "Prints the log level, or sets it, of a running balancer too: 4 warnings, 5 notices, 6 changes of flows and\n"
	 "who traces, 7 each packet that is dropped, at most 100 a second. They are on stderr.\n",
	 "nfqueue-lb loglevel 7\n", command_loglevel},
	{"lookup", "print the target of a flow",
	 "lookup [options] --src ADDRESS[:PORT] --dst ADDRESS[:PORT]\n"
	 "lookup [options] --packet HEX [--length N]\nlookup [options] --batch",
	 "Prints outcome, key, hash, slot, index and fwmark as JSON. For icmp and icmpv6 the source port is "
	 "the\n"
	 "identifier of an echo request.\n",
	 "nfqueue-lb lookup --src [2000::1]:4000 --dst [1000::]:5001\n", command_lookup},
	{"maglev", "simulate a Maglev table", "maglev [M N SEED [LOOPS]]",
	 "Prints permutations and table of N targets on as many slots as the largest prime up to M: with all\n"
	 "targets, without the first one, and with it again. With LOOPS: the share of the slots that change when\n"
	 "it leaves, for so many seeds. Without arguments: the example of the Maglev paper, table 1.\n",
	 "nfqueue-lb maglev 20 5 1\n", command_maglev},
	{"primebelow", "print the largest prime up to a number", "primebelow N",
	 "Prints the largest prime up to N, as --M of init takes it.\n", "nfqueue-lb primebelow 1000\n",
	 command_primebelow},
	{"replay", "print the targets of the packets of a capture", "replay [options] CAPTURE",
	 "Prints what each IP packet of a pcap or pcapng file would get, a JSON line each, and the sum.\n",
	 "nfqueue-lb replay --fragments --shuffle capture.pcap\n", command_replay},
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
	{"simulate-fragments", "simulate the load of a fragment table", "simulate-fragments [options]",
	 "Prints which share of the fragments a table of 'run --fragments' loses, in simulated time.\n",
	 "nfqueue-lb simulate-fragments --rate 20000 --parallel 5000 --shuffled --fragment-ttl 200\n",
	 command_simulate_fragments},
	{"stats", "print the counters", "stats [options]",
	 "Prints the counters since the start of the last run as one JSON line, with the drops of the\n"
	 "kernel in the current network namespace.\n",
	 NULL, command_stats},
	{"trace", "print the packets of the trace flows", "trace [options]",
	 "Prints each packet that a trace flow takes as a JSON line, while 'run' balances it: its flow, addresses,\n"
	 "verdict and fwmark. One at a time can do so.\n",
	 "nfqueue-lb trace-flow-set --name syn --protocols tcp --match 13:02/02 && nfqueue-lb trace -n 10\n",
	 command_trace},
	{"trace-flow-delete", "remove trace flows", "trace-flow-delete [options] FLOW...",
	 "Removes trace flows in one atomic update.\n", NULL, command_flow_delete},
	{"trace-flow-list", "print the trace flows with their counters", "trace-flow-list [options]",
	 "Prints all trace flows with the packets that were traced as JSON.\n", NULL, command_flow_list},
	{"trace-flow-set", "add or change trace flows",
	 "trace-flow-set --name FLOW [conditions]\ntrace-flow-set --batch [--replace]",
	 "Adds or changes a trace flow: 'trace' prints packets that meet all its conditions.\n",
	 "nfqueue-lb trace-flow-set --name rst --protocols tcp --match 13:04/04\n", command_flow_set},
	{"version", "print the version", "version", "Prints the version of this program.\n", NULL, command_version},
};

int main(int argc, char **argv)
{
	const struct program program = {
		"nfqueue-lb",
		"Balances packets of netfilter queues over targets: sets the fwmark of each packet.\n",
		commands, COUNT_OF(commands)};

	return program_main(&program, argc, argv);
}
