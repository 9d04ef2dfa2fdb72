// SPDX-License-Identifier: Apache-2.0
/* The command line of traffic. */
#include "cli/commands.h"
#include "commands.h"

/* Sorted by name. */
static const struct command commands[] = {
	{"check", "check who answers", "check [options]",
	 "Asks machines by ICMP echo, TCP or UDP, and tells who does not answer any more, or again.\n",
	 "traffic check --address 192.168.2.201 --address 192.168.2.202 --interval 100ms --fall 3\n",
	 command_check},
	{"connect", "open connections, record the targets", "connect [options]",
	 "Opens connections and records the target of each.\n",
	 "traffic connect --address 10.0.0.0:5001 --connections 100 --output json\n", command_connect},
	{"flood", "send datagrams at a rate", "flood [options]",
	 "Sends datagrams at a rate; the receivers count them.\n",
	 "traffic flood --address 10.0.0.0:9 --rate 50000 --src 50.0.0.0/16\n", command_flood},
	{"fragments", "send fragmented datagrams, count complete ones", "fragments [options]",
	 "Sends datagrams as fragments in hostile orders and counts the complete ones.\n",
	 "traffic fragments --address 10.0.0.0:6001 --src 50.0.0.0/16 --device eth2 --via "
	 "00:00:00:01:02:c9\n",
	 command_fragments},
	{"sctp", "check that the kernel has SCTP", "sctp",
	 "Has the kernel load its SCTP, and says so if it has none.\n", "traffic sctp\n", command_sctp},
	{"hear", "tell who claims an address unasked", "hear [options]",
	 "Listens to gratuitous ARP and unsolicited neighbour advertisements on a link.\n",
	 "traffic hear --device eth2\n", command_hear},
	{"serve", "answer with the own name, and echo", "serve [options]",
	 "Answers TCP and UDP with its own name, and echoes.\n",
	 "traffic serve --name vm-001 --address 10.0.0.0\n", command_serve},
	{"spoof", "send from sources that do not answer", "spoof [options]",
	 "Sends SYNs or datagrams at a rate, each from another source, none of which will answer.\n",
	 "traffic spoof --address 10.0.0.0:5003 --rate 50000 --src 50.1.0.0/16 --device eth2 --via "
	 "00:00:00:01:02:c9\n",
	 command_spoof},
	{"stream", "send messages over many connections, record losses", "stream [options]",
	 "Sends messages over many connections and records time and cause of each loss.\n",
	 "traffic stream --address 10.0.0.0:5003 --connections 10000 --rate 10000 --src 50.0.0.0/16\n",
	 command_stream},
};

int main(int argc, char **argv)
{
	const struct program program = {"traffic", "Traffic for load-balancer tests.\n", commands,
					COUNT_OF(commands)};

	return program_main(&program, argc, argv);
}
