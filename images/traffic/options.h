// SPDX-License-Identifier: Apache-2.0
/* Command-line options as a table: name, parser, where the value goes, and the help that follows from it. */
#ifndef TRAFFIC_OPTIONS_H
#define TRAFFIC_OPTIONS_H

#include <stdbool.h>

#define EXIT_USAGE 2
#define EXIT_ENVIRONMENT 3

struct option_spec {
	const char *name;			   /* without the dashes; NULL ends the table */
	bool (*parse)(const char *text, void *to); /* NULL: a flag, `to` is a bool */
	void *to;
	const char *wants; /* what a value looks like: "HOST:PORT" */
	const char *help;
};

struct command_spec {
	const char *name, *summary, *example;
	const struct option_spec *options;
};

bool parse_string(const char *text, void *to); /* const char *, not empty */

/* True: go on. False: leave with *exit_code; what was wrong, or the help, has been printed. */
bool options_read(const struct command_spec *command, char **arguments, int *exit_code);
/* Prints a sentence and a newline on stderr; returns EXIT_USAGE. */
int usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
