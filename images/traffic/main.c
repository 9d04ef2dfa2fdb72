// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "options.h"

static const struct {
	const char *name;
	int (*run)(char **arguments);
	const char *summary;
} commands[] = {
	{"connect", connect_main, "open connections, note which target answered"},
	{"flood", flood_main, "send datagrams at a rate"},
	{"fragments", fragments_main, "send datagrams in fragments, note which came through whole"},
	{"serve", serve_main, "answer with the own name, and echo"},
	{"stream", stream_main, "keep messages going over many connections, note what is lost"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *to)
{
	fputs("Traffic for load-balancer tests.\n\nUsage: traffic <command> [options]\n\n", to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("\n'traffic <command> --help' lists the options.\n\nExample:\n"
	      "  traffic serve & traffic connect --address 127.0.0.1:5001 --connections 100 --output txt\n",
	      to);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argv + 2);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return 0;
	}
	return usage_error("Unknown command '%s'. Valid ones are connect, flood, fragments, serve, stream.",
			   argv[1]);
}
