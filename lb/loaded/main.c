// SPDX-License-Identifier: Apache-2.0
/* The command line of loaded-lb. */
#include "cli/commands.h"
#include "commands.h"

/* Sorted by name. */
static const struct command commands[] = {
	{"activate", "add targets", "activate [options] ADDRESS...",
	 "They get new clients from then on. Prints the time at which that is in force as JSON.\n",
	 "loaded-lb activate 192.168.1.3 1000::1:192.168.1.3\n", command_activate},
	{"deactivate", "take targets out", "deactivate [options] ADDRESS...",
	 "Their clients go to others with their next packet. Answering a check does not bring them back.\n",
	 "loaded-lb deactivate --keep 192.168.1.3\n", command_deactivate},
	{"run", "balance packets", "run --vip ADDRESS[,ADDRESS] [options]",
	 "Rewrites the addresses of packets of netfilter queues: of those to the VIP the destination, of those\n"
	 "that come back from a target the source. A client stays with its target. Prints a JSON line when all\n"
	 "queues are bound, one for each target that comes or goes, and the counters at SIGTERM or SIGINT.\n",
	 "iptables -t mangle -A PREROUTING -d 10.0.0.0 -j NFQUEUE --queue-num 0\n"
	 "         iptables -t mangle -A PREROUTING -i eth1 ! -d 192.168.1.0/24 -j NFQUEUE --queue-num 0\n"
	 "         loaded-lb run --vip 10.0.0.0 --targets 192.168.1.1,192.168.1.2 --port-alive 80\n",
	 command_run},
	{"set", "replace the targets", "set [options] [ADDRESS...]",
	 "Activates these and takes all others out. Prints the time at which that is in force as JSON.\n",
	 "loaded-lb set 192.168.1.1 192.168.1.2\n", command_set},
	{"show", "print the targets", "show [options]",
	 "Prints the targets with their states and clients as one JSON line.\n", NULL, command_show},
	{"stats", "print the counters", "stats [options]",
	 "Prints the counters as one JSON line, with the kernel's drops at the queues.\n", NULL, command_stats},
};

int main(int argc, char **argv)
{
	const struct program program = {
		"loaded-lb", "Balances packets of netfilter queues over targets: rewrites their addresses.\n",
		commands, COUNT_OF(commands)};

	return program_main(&program, argc, argv);
}
