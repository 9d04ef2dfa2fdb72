// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_VALUE 256 /* above every letter */

void fail(enum exit_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	putc('\n', stderr);
	exit(code);
}

uint32_t parse_number(const char *text, const char *what, uint32_t min, uint32_t max)
{
	const int base = strncasecmp(text, "0x", 2) ? 10 : 16;
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, base);
	/* strtoull takes white space and signs, which are mistakes here. */
	if (end == text || *end || errno || !strchr("0123456789", *text) || value < min || value > max)
		fail(EXIT_USAGE, "%s must be a number within %u..%u, not '%s'.", what, min, max, text);
	return value;
}

static void apply(const struct option_spec *spec)
{
	char what[40];

	snprintf(what, sizeof(what), "--%s", spec->name);
	if (spec->flag)
		*spec->flag = true;
	else if (spec->text)
		*spec->text = optarg;
	else
		*spec->number = parse_number(optarg, what, spec->min, spec->max);
}

static __attribute__((noreturn)) void reject(const struct command *command, int what, const char *option)
{
	char letter[3] = {'-', optopt};

	if (optopt > 0 && optopt < FIRST_VALUE)
		option = letter;
	fail(EXIT_USAGE, "%s '%s'. Try '%s %s --help'.",
	     what == ':' ? "A value is missing after" : "Unknown option", option,
	     program_invocation_short_name, command->name);
}

/* The option tables of getopt: letters and longs begin with help. */
static void describe(const struct option_spec *specs, size_t n, char *letters, struct option *longs)
{
	letters += strlen(letters);
	for (size_t i = 0; i < n; i++) {
		const int has_value = specs[i].flag ? no_argument : required_argument;

		longs[i + 1] = (struct option){specs[i].name, has_value, NULL, FIRST_VALUE + (int)i};
		if (specs[i].letter) {
			*letters++ = specs[i].letter;
			if (has_value)
				*letters++ = ':';
		}
	}
}

int parse_options(const struct command *command, int argc, char **argv, const struct option_spec *specs,
		  size_t n, int arguments)
{
	struct option longs[OPTIONS_MAX + 2] = {{"help", no_argument, NULL, 'h'}};
	char letters[2 * OPTIONS_MAX + 3] = ":h";
	int chosen;

	describe(specs, n, letters, longs);
	while ((chosen = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		size_t i = 0;

		if (chosen == 'h') {
			fputs(command->usage, stdout);
			exit(EXIT_OK);
		}
		if (chosen == '?' || chosen == ':')
			reject(command, chosen, argv[optind - 1]);
		while (chosen != FIRST_VALUE + (int)i && chosen != specs[i].letter)
			i++;
		apply(&specs[i]);
	}
	if (argc - optind > arguments)
		fail(EXIT_USAGE, "Unexpected argument '%s'. Try '%s %s --help'.", argv[optind + arguments],
		     program_invocation_short_name, command->name);
	return optind;
}
