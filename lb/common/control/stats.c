// SPDX-License-Identifier: Apache-2.0
#include "control/stats.h"

#include <stdio.h>
#include <stdlib.h>

#include "control/socket.h"

int control_stats(const struct command *command, int argc, char **argv, const char *program, const char *name)
{
	const struct option_spec specs[] = {{"name", 0, "NAME", "as of 'run'", .text = &name}};
	char *text;

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	text = control_socket_ask(program, name, "?", 1);
	fputs(text, stdout);
	free(text);
	return EXIT_OK;
}
