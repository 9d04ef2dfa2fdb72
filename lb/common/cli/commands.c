// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

static void print_help(const struct program *program, FILE *out)
{
	fprintf(out, "Usage: %s COMMAND [options]\n%s\n", program->name, program->summary);
	for (size_t i = 0; i < program->n; i++)
		fprintf(out, "  %-20s%s\n", program->commands[i].name, program->commands[i].summary);
	fprintf(out, "\n'%s COMMAND --help' tells more.\n", program->name);
}

static int print_unknown(const struct program *program, const char *name)
{
	fprintf(stderr, "Unknown command '%s'. Valid ones are", name);
	for (size_t i = 0; i < program->n; i++)
		fprintf(stderr, "%s %s", i ? "," : "", program->commands[i].name);
	fputs(".\n", stderr);
	return EXIT_USAGE;
}

int program_main(const struct program *program, int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	for (size_t i = 0; i < program->n; i++)
		if (strcmp(program->commands[i].name, name) == 0)
			return program->commands[i].main(&program->commands[i], argc - 1, argv + 1);
	if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		print_help(program, stdout);
		return EXIT_OK;
	}
	if (*name)
		return print_unknown(program, name);
	print_help(program, stderr);
	return EXIT_USAGE;
}
