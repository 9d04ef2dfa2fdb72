// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_VALUE 256 /* above every letter */
#define HELP_COLUMN 27

/* False: no number, or out of range. */
static bool read_number(const char *text, uint32_t min, uint32_t max, uint32_t *number)
{
	const int base = strncasecmp(text, "0x", 2) ? 10 : 16;
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, base);
	*number = (uint32_t)value;
	/* strtoull takes white space and signs, which are mistakes here. */
	return end != text && !*end && !errno && strchr("0123456789", *text) && value >= min && value <= max;
}

uint32_t parse_number(const char *text, const char *what, uint32_t min, uint32_t max)
{
	uint32_t number;

	if (!read_number(text, min, max, &number))
		fail(EXIT_USAGE, "%s must be a number within %u..%u, not '%s'.", what, min, max, text);
	return number;
}

bool parse_string(const char *text, void *to)
{
	*(const char **)to = text;
	return *text != 0;
}

static void apply(const struct option_spec *spec)
{
	if (spec->flag)
		*spec->flag = true;
	else if (spec->text)
		*spec->text = optarg;
	else if (spec->number) {
		if (!read_number(optarg, spec->min, spec->max, spec->number))
			fail(EXIT_USAGE, "Invalid value '%s' for --%s: expected a number within %u..%u.",
			     optarg, spec->name, spec->min, spec->max);
	} else if (!spec->parse(optarg, spec->to))
		fail(EXIT_USAGE, "Invalid value '%s' for --%s: expected %s.", optarg, spec->name,
		     spec->wants);
}

/* " lookup"; nothing for a program that has no commands. */
static const char *word_of(const struct command *command)
{
	static char word[32] = "";

	if (command->name)
		snprintf(word, sizeof(word), " %s", command->name);
	return word;
}

static __attribute__((noreturn)) void reject(const struct command *command, int what, const char *option)
{
	char letter[3] = {'-', (char)optopt};
	const char *sentence = what == ':'	       ? "A value is missing after '%s'. Try '%s%s --help'."
			       : optopt >= FIRST_VALUE ? "Option '%s' takes no value. Try '%s%s --help'."
						       : "Unknown option '%s'. Try '%s%s --help'.";

	if (optopt > 0 && optopt < FIRST_VALUE)
		option = letter;
	fail(EXIT_USAGE, sentence, option, program_invocation_short_name, word_of(command));
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

static void print_option(const struct option_spec *spec)
{
	const char *line = spec->help;
	int column = 2;

	fputs("  ", stdout);
	if (spec->letter)
		column += printf("-%c, ", spec->letter);
	column += printf("--%s %s", spec->name, spec->wants ? spec->wants : "");
	printf("%*s", column < HELP_COLUMN ? HELP_COLUMN - column : 1, "");
	for (size_t length; *line; line += length + (line[length] == '\n')) {
		length = strcspn(line, "\n");
		printf("%*s%.*s\n", line == spec->help ? 0 : HELP_COLUMN, "", (int)length, line);
	}
}

static __attribute__((noreturn)) void print_help(const struct command *command,
						 const struct option_spec *specs, size_t n)
{
	const char *line = command->usage, *lead = "Usage:";

	for (size_t length; *line; line += length + (line[length] == '\n'), lead = "      ") {
		length = strcspn(line, "\n");
		printf("%s %s %.*s\n", lead, program_invocation_short_name, (int)length, line);
	}
	fputs(command->about, stdout);
	for (size_t i = 0; i < n; i++)
		print_option(&specs[i]);
	if (command->example)
		printf("Example: %s", command->example);
	exit(EXIT_OK);
}

int parse_options(const struct command *command, int argc, char **argv, const struct option_spec *specs,
		  size_t n, int arguments)
{
	struct option longs[OPTIONS_MAX + 2] = {{"help", no_argument, NULL, 'h'}};
	char letters[2 * OPTIONS_MAX + 3] = ":h";
	int chosen;

	optind = 0; /* getopt begins anew: a batch has many lines of options */
	describe(specs, n, letters, longs);
	while ((chosen = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		size_t i = 0;

		if (chosen == 'h')
			print_help(command, specs, n);
		if (chosen == '?' || chosen == ':')
			reject(command, chosen, argv[optind - 1]);
		while (chosen != FIRST_VALUE + (int)i && chosen != specs[i].letter)
			i++;
		apply(&specs[i]);
	}
	if (argc - optind > arguments)
		fail(EXIT_USAGE, "Unexpected argument '%s'. Try '%s%s --help'.", argv[optind + arguments],
		     program_invocation_short_name, word_of(command));
	return optind;
}
