// SPDX-License-Identifier: Apache-2.0
/* The command line of nfqueue-lb. */
#include <stdio.h>
#include <string.h>

#include "commands.h"

/* Sorted by name. */
static const struct command commands[] = {
	{"activate", "add targets",
	 "Usage: nfqueue-lb activate [--shm NAME] [--index I] FWMARK...\n"
	 "Makes targets active, all in one publication. Without --index a target takes the index that has "
	 "its mark,\n"
	 "else the lowest free one. Prints the new version as JSON.\n"
	 "Example: nfqueue-lb activate 101 102 103\n",
	 command_activate},
	{"deactivate", "take targets away",
	 "Usage: nfqueue-lb deactivate [--shm NAME] FWMARK... | --index I\n"
	 "Makes targets inactive, all in one publication. They keep their indexes. Prints the new version as "
	 "JSON.\n"
	 "Example: nfqueue-lb deactivate 101 102\n",
	 command_deactivate},
	{"delete", "remove the table",
	 "Usage: nfqueue-lb delete [--shm NAME]\n"
	 "Removes the table, unless a balancer runs on it.\n",
	 command_delete},
	{"flow-delete", "remove flows",
	 "Usage: nfqueue-lb flow-delete [--shm NAME] FLOW...\n"
	 "Removes these flows, all in one version.\n"
	 "Example: nfqueue-lb flow-delete web dns\n",
	 command_flow_delete},
	{"flow-list", "print the flows with their counters",
	 "Usage: nfqueue-lb flow-list [--shm NAME]\n"
	 "Prints all flows with the number of packets that each took, as JSON, the first asked first.\n",
	 command_flow_list},
	{"flow-set", "add or change flows",
	 "Usage: nfqueue-lb flow-set [--shm NAME] --name FLOW --targets TABLE [conditions]\n"
	 "       nfqueue-lb flow-set [--shm NAME] --batch [--replace]\n"
	 "Adds the flow, or changes the one of that name: packets for which all conditions hold go to the "
	 "targets of that table.\n"
	 "  --priority N           the highest is asked first (0); of equal ones the older\n"
	 "  --protocols P,...      tcp, udp, icmp, ... or numbers\n"
	 "  --srcs, --dsts A/N,... source and destination networks\n"
	 "  --sports, --dports P-Q,...  ports, or ranges of them\n"
	 "  --match O:HEX[/MASK],...    bytes from O on, counted from the transport header; all must match\n"
	 "  --batch                lines of such options on stdin: all of them, or none\n"
	 "  --replace              the batch is all there shall be\n"
	 "'run --flows' takes changes while it runs; this waits until they are in force. Prints the version "
	 "as "
	 "JSON.\n"
	 "Example: nfqueue-lb flow-set --name web --priority 10 --protocols tcp --dsts "
	 "10.0.0.0/32,1000::/128 "
	 "--dports 80,443 --targets web\n",
	 command_flow_set},
	{"init", "create a table",
	 "Usage: nfqueue-lb init [options]\n"
	 "  --shm NAME             name in /dev/shm (nfqueue-lb)\n"
	 "  -m, --mode MODE        maglev (default) or modulo\n"
	 "  -p, --ports            hash ports and protocol too, not only addresses\n"
	 "  --M M                  slots of the Maglev table, a prime (997)\n"
	 "  --N N                  targets at most, up to 1000 (32)\n"
	 "  --seed SEED            of the hash and the permutations; balancers that work together share it "
	 "(0)\n"
	 "  --mask MASK            the bits of the packet mark to set (0xffffffff)\n"
	 "  --force                replace a table of that name\n"
	 "Example: nfqueue-lb init -p --M 65537 --N 100 --mask 0xffff\n",
	 command_init},
	{"lookup", "which target would this flow get?",
	 "Usage: nfqueue-lb lookup [--shm NAME] [--flows] [--proto PROTO] --src ADDRESS[:PORT] --dst "
	 "ADDRESS[:PORT]\n"
	 "       nfqueue-lb lookup [--shm NAME] [--flows] --packet HEX [--length N]\n"
	 "       nfqueue-lb lookup [--shm NAME] [--flows] --batch\n"
	 "Prints outcome, key, hash, slot, index and fwmark as JSON. For icmp and icmpv6 the source port is "
	 "the\n"
	 "identifier of an echo request. A packet begins with its IP header; --length is its full length "
	 "when HEX is\n"
	 "only the captured part. --batch reads lines 'protocol source port destination port' or 'packet HEX "
	 "[length]'\n"
	 "and answers each with one line. --flows asks the flows as 'run --flows' does, and names the one "
	 "that "
	 "takes it;\n"
	 "those with --match need a packet.\n"
	 "Example: nfqueue-lb lookup --src [2000::1]:4000 --dst [1000::]:5001\n",
	 command_lookup},
	{"run", "balance packets",
	 "Usage: nfqueue-lb run [options]\n"
	 "  --shm NAME             name of the table (nfqueue-lb)\n"
	 "  --queue Q | FIRST:LAST netfilter queues to serve, one thread each (0)\n"
	 "  --per-cpu              the thread of queue FIRST + n stays on CPU n, for rules with "
	 "--queue-cpu-fanout\n"
	 "  --batch N              packets per system call, at most (64); with 1 each is answered at once\n"
	 "  --qlength N            packets the kernel may hold per queue (4096)\n"
	 "  --receive-buffer N     bytes of kernel memory for packets on their way here (so many that "
	 "--qlength fits)\n"
	 "  --copy N               bytes of each packet to look at (256)\n"
	 "  --notargets-fwmark N   mark for packets when no target is active (they are dropped)\n"
	 "  --fail-open            a full queue lets packets pass, with the mark they have\n"
	 "  --remember             make conntrack entries, with the mark, for TCP packets\n"
	 "  --flows                each packet goes by the table of the first flow that takes it: see "
	 "flow-set\n"
	 "  --nolb-fwmark N        mark for packets that no flow takes (they are dropped)\n"
	 "  --fragments            keep the fragments of a datagram together, with its flow; a queue behind "
	 "the last\n"
	 "                         one is theirs, so don't queue packets to it\n"
	 "  --fragment-ttl MS      how long a datagram is remembered, or its first fragment waited for "
	 "(500)\n"
	 "  --fragment-datagrams N datagrams remembered at most (32768)\n"
	 "  --fragment-bytes N     bytes of fragments that wait, at most (16777216)\n"
	 "  --tun NAME             device by which they come in again (lb-fragments)\n"
	 "  --routers NAME --own M table of all routers, and our mark in it: fragments go to the one that "
	 "their\n"
	 "                         addresses choose\n"
	 "  --broken random        pick at random, to prove that a test notices\n"
	 "Prints one JSON line when all queues are bound, and the counters at SIGTERM or SIGINT.\n"
	 "Example: iptables -t mangle -A PREROUTING -d 10.0.0.0 -j NFQUEUE --queue-num 2\n"
	 "         nfqueue-lb run --queue 2\n",
	 command_run},
	{"set", "replace the active set",
	 "Usage: nfqueue-lb set [--shm NAME] --active INDEX:FWMARK,...\n"
	 "Makes exactly these targets active, in one publication; '' for none. Prints the new version as "
	 "JSON.\n"
	 "Example: nfqueue-lb set --active 0:101,1:102,2:103\n",
	 command_set},
	{"show", "print the table",
	 "Usage: nfqueue-lb show [--shm NAME] [--json] [--table]\n"
	 "Prints the configuration and the targets with their slots; --table every slot too.\n",
	 command_show},
	{"stats", "print the counters",
	 "Usage: nfqueue-lb stats [--shm NAME]\n"
	 "Prints the counters since the last run began as one JSON line. The kernel's own drops are those of "
	 "the\n"
	 "network namespace where it is called.\n",
	 command_stats},
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void print_help(FILE *out)
{
	fputs("Usage: nfqueue-lb COMMAND [options]\n"
	      "Balances packets of netfilter queues over targets by setting their marks.\n\n",
	      out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-13s%s\n", commands[i].name, commands[i].summary);
	fputs("\n'nfqueue-lb COMMAND --help' tells more.\n", out);
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
