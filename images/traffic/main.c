// SPDX-License-Identifier: Apache-2.0
/* The command line of traffic. */
#include "cli/commands.h"
#include "commands.h"

/* Sorted by name. */
static const struct command commands[] = {
	{"connect", "open connections, note which target answered", "connect [options]",
	 "Opens connections and notes which target answered.\n",
	 "traffic connect --address 10.0.0.0:5001 --connections 100 --output json\n", command_connect},
	{"flood", "send datagrams at a rate", "flood [options]",
	 "Sends datagrams at a rate; count them where they arrive.\n",
	 "traffic flood --address 10.0.0.0:9 --rate 50000 --src 50.0.0.0/16\n", command_flood},
	{"fragments", "send datagrams in fragments, note which came through whole", "fragments [options]",
	 "Sends datagrams as fragments in evil orders, and counts which came through whole.\n",
	 "traffic fragments --address 10.0.0.0:6001 --src 50.0.0.0/16 --device eth2 --via "
	 "00:00:00:01:02:c9\n",
	 command_fragments},
	{"serve", "answer with the own name, and echo", "serve [options]",
	 "Answers TCP and UDP with its own name, and echoes.\n",
	 "traffic serve --name vm-001 --address 10.0.0.0\n", command_serve},
	{"stream", "keep messages going over many connections, note what is lost", "stream [options]",
	 "Keeps messages going over many connections and notes which are lost, when and why.\n",
	 "traffic stream --address 10.0.0.0:5003 --connections 10000 --rate 10000 --src 50.0.0.0/16\n",
	 command_stream},
};

int main(int argc, char **argv)
{
	const struct program program = {"traffic", "Traffic for load-balancer tests.\n", commands,
					COUNT_OF(commands)};

	return program_main(&program, argc, argv);
}
