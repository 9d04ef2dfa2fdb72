// SPDX-License-Identifier: Apache-2.0
/* The command line: one table of options per command, from which parser and help are derived. Values are
 * checked once, at the border. */
#ifndef LB_OPTIONS_H
#define LB_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/fail.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))
#define OPTIONS_MAX 32

struct command {
	const char *name;    /* NULL: the program has no commands */
	const char *summary; /* one line, for the list of commands */
	const char *usage;   /* lines behind "Usage: ": what may follow the program's name */
	const char *about;   /* sentences above the options; they end with a newline */
	const char *example; /* ends with a newline; NULL: none */
	int (*main)(const struct command *command, int argc, char **argv);
};

struct option_spec {
	const char *name;
	char letter;	   /* 0: none */
	const char *wants; /* what a value looks like: "HOST:PORT"; NULL: a flag */
	const char *help;  /* lines */
	/* Exactly one of these. */
	bool *flag;
	const char **text;
	uint32_t *number; /* within min..max, decimal or 0x */
	uint32_t min, max;
	bool (*parse)(const char *text, void *to); /* false: a bad value */
	void *to;
};

/* A decimal or 0x number within min..max, else exits; what names it in the message. */
uint32_t parse_number(const char *text, const char *what, uint32_t min, uint32_t max);

/* For option_spec.parse: any text but the empty one, to a const char *. */
bool parse_string(const char *text, void *to);

/* Handles --help; returns the place of the first argument that is not an option. At most `arguments` may
 * follow. */
int parse_options(const struct command *command, int argc, char **argv, const struct option_spec *specs,
		  size_t n, int arguments);

#endif
