// SPDX-License-Identifier: Apache-2.0
/* The command line: one table of options per command, numbers checked once, at the border. */
#ifndef NFQUEUE_OPTIONS_H
#define NFQUEUE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum exit_code { EXIT_OK = 0, EXIT_ERROR = 1, EXIT_USAGE = 2 };

struct command {
	const char *name;
	const char *summary;
	const char *usage;
	int (*main)(const struct command *command, int argc, char **argv);
};

#define OPTIONS_MAX 32

struct option_spec {
	const char *name;
	char letter; /* 0: none */
	bool *flag;  /* exactly one of flag, text and number */
	const char **text;
	uint32_t *number;
	uint32_t min, max;
};

/* Prints the sentence on stderr and exits. */
__attribute__((noreturn, format(printf, 2, 3))) void fail(enum exit_code code, const char *format, ...);

/* A decimal or 0x number within min..max, else exits; what names it in the message. */
uint32_t parse_number(const char *text, const char *what, uint32_t min, uint32_t max);

/* Handles --help; returns the place of the first argument that is not an option. At most `arguments` may
 * follow. */
int parse_options(const struct command *command, int argc, char **argv, const struct option_spec *specs,
		  size_t n, int arguments);

#endif
