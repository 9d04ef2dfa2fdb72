// SPDX-License-Identifier: Apache-2.0
#include "old.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(const struct old_command *command)
{
	printf("Usage: %s %s\nRuns '%s', with its old name and options:\n", command->program, command->usage,
	       command->runs);
	for (size_t i = 0; i < command->n; i++) {
		const struct old_option *option = &command->options[i];

		if (option->help)
			printf("  -%s %-*s %s\n", option->name, 24 - (int)strlen(option->name),
			       option->wants ? option->wants : "", option->help);
	}
}

static struct old_option *find(const struct old_command *command, const char *name, size_t length)
{
	for (size_t i = 0; i < command->n; i++)
		if (strlen(command->options[i].name) == length &&
		    !strncmp(command->options[i].name, name, length))
			return &command->options[i];
	return NULL;
}

void old_invalid(const char *name, const char *value, const char *wanted)
{
	fail(EXIT_USAGE, "Invalid value '%s' for -%s: expected %s.", value, name, wanted);
}

/* Sets the option of argv[at]; returns how many words it took. */
static int take(const struct old_command *command, int argc, char **argv, int at)
{
	const char *name = argv[at] + (argv[at][1] == '-' ? 2 : 1);
	const char *inline_value = strchr(name, '=');
	size_t length = inline_value ? (size_t)(inline_value++ - name) : strlen(name);

	if ((length == 4 && !strncmp(name, "help", 4)) || (length == 1 && *name == 'h')) {
		print_help(command);
		exit(EXIT_OK);
	}
	struct old_option *option = find(command, name, length);
	if (!option)
		fail(EXIT_USAGE, "'%s' has no option -%.*s. See '%s -help'.", command->program, (int)length,
		     name, command->program);
	if (!option->help)
		fail(EXIT_USAGE, "'%s' has no option -%s here: %s", command->program, option->name,
		     option->instead);
	if (option->instead)
		fprintf(stderr, "%s: -%s has no effect here: %s\n", command->program, option->name,
			option->instead);
	if (!option->wants) {
		option->value = inline_value ? inline_value : "true";
		if (strcmp(option->value, "true") && strcmp(option->value, "false"))
			old_invalid(option->name, option->value, "true or false");
		return 1;
	}
	option->value = inline_value ? inline_value : argv[at + 1];
	if (!inline_value && at + 1 == argc)
		fail(EXIT_USAGE, "Option -%s of '%s' needs a value: %s.", option->name, command->program,
		     option->wants);
	return inline_value ? 1 : 2;
}

int old_options(const struct old_command *command, int argc, char **argv)
{
	int left = 0, i = 1;

	while (i < argc) {
		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		}
		if (argv[i][0] == '-' && argv[i][1])
			i += take(command, argc, argv, i);
		else
			argv[left++] = argv[i++];
	}
	while (i < argc)
		argv[left++] = argv[i++];
	return left;
}

void old_start(const struct old_command *command, int argc, char **argv)
{
	const char *help[] = {command->program, "-help"};
	const int left = argc > 1 ? old_options(command, argc, argv) : old_options(command, 2, (char **)help);

	if (left)
		fail(EXIT_USAGE, "'%s' takes no arguments: '%s' is extra.", command->program, argv[0]);
	if (!old_flag(command, "version"))
		return;
	printf("%s: an old name of '%s'\n", command->program, command->runs);
	exit(EXIT_OK);
}

const char *old_value(const struct old_command *command, const char *name)
{
	const struct old_option *option = find(command, name, strlen(name));

	return option ? option->value : NULL;
}

bool old_flag(const struct old_command *command, const char *name)
{
	const char *value = old_value(command, name);

	return value && !strcmp(value, "true");
}

void old_pass(const struct old_command *command, struct words *words)
{
	for (size_t i = 0; i < command->n; i++) {
		const struct old_option *option = &command->options[i];

		if (!option->to || !option->value)
			continue;
		if (option->wants && !strcmp(option->wants, "N") &&
		    option->value[strspn(option->value, "-0123456789")])
			old_invalid(option->name, option->value, "a whole number");
		if (option->wants)
			words_add(words, "--%s=%s", option->to, option->value);
		else if (!strcmp(option->value, "true"))
			words_add(words, "--%s", option->to);
	}
}
