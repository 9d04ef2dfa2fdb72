// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int usage_error(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	return EXIT_USAGE;
}

bool parse_string(const char *text, void *to)
{
	*(const char **)to = text;
	return *text != 0;
}

static void print_help(const struct command_spec *command)
{
	char left[64];

	printf("%s\n\nUsage: traffic %s [options]\n\n", command->summary, command->name);
	for (const struct option_spec *option = command->options; option->name; option++) {
		snprintf(left, sizeof(left), "--%s %s", option->name, option->parse ? option->wants : "");
		printf("  %-26s %s\n", left, option->help);
	}
	printf("\nExample:\n  %s\n", command->example);
}

static const struct option_spec *find(const struct command_spec *command, const char *name, size_t length)
{
	for (const struct option_spec *option = command->options; option->name; option++)
		if (strlen(option->name) == length && !memcmp(option->name, name, length))
			return option;
	return NULL;
}

/* One argument: "--name value" or "--name=value". Returns how many words it took, 0 after a complaint. */
static int read_one(const struct command_spec *command, char **arguments)
{
	const char *word = arguments[0], *name = word + 2;
	bool dashed = !strncmp(word, "--", 2);
	size_t length = dashed ? strcspn(name, "=") : 0;
	const struct option_spec *option = dashed ? find(command, name, length) : NULL;
	bool inlined = dashed && name[length];
	const char *value = inlined ? name + length + 1 : arguments[1];

	if (!option) {
		usage_error("Unknown option '%s'. Try 'traffic %s --help'.", word, command->name);
		return 0;
	}
	if (!option->parse && !inlined) {
		*(bool *)option->to = true;
		return 1;
	}
	if (!option->parse || !value || !option->parse(value, option->to)) {
		if (!option->parse)
			usage_error("Option --%s takes no value.", option->name);
		else if (!value)
			usage_error("Option --%s needs a value: %s.", option->name, option->wants);
		else
			usage_error("Bad value '%s' for --%s: expected %s.", value, option->name,
				    option->wants);
		return 0;
	}
	return inlined ? 1 : 2;
}

bool options_read(const struct command_spec *command, char **arguments, int *exit_code)
{
	while (*arguments) {
		if (!strcmp(*arguments, "--help") || !strcmp(*arguments, "-h")) {
			print_help(command);
			*exit_code = 0;
			return false;
		}
		int words = read_one(command, arguments);
		if (!words) {
			*exit_code = EXIT_USAGE;
			return false;
		}
		arguments += words;
	}
	return true;
}
