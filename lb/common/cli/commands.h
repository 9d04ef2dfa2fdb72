// SPDX-License-Identifier: Apache-2.0
/* A program's commands. */
#ifndef LB_COMMANDS_H
#define LB_COMMANDS_H

#include "cli/options.h"

struct program {
	const char *name;
	const char *summary;		/* ends with a newline */
	const struct command *commands; /* sorted by name */
	size_t n;
};

/* Runs the command that argv names, with argv[0] as its own name; returns the exit code. */
int program_main(const struct program *program, int argc, char **argv);

#endif
