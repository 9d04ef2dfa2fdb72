// SPDX-License-Identifier: Apache-2.0
/* `loaded-lb activate`, `deactivate`, `set`, `show` and `stats`: questions to a balancer that runs. */
#include <stddef.h>

#include "commands.h"
#include "control.h"

static struct control_message message;

static int ask(enum control_request request, const struct command *command, int argc, char **argv)
{
	const char *name = DEFAULT_NAME;
	const struct option_spec specs[] = {
		{"name", 0, "NAME", "the balancer (" DEFAULT_NAME ")", .text = &name}};

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	message.request = request;
	return control_print(name, &message);
}

int command_show(const struct command *command, int argc, char **argv)
{
	return ask(CONTROL_SHOW, command, argc, argv);
}

int command_stats(const struct command *command, int argc, char **argv)
{
	return ask(CONTROL_STATS, command, argc, argv);
}

static int change(enum control_request request, const struct command *command, int argc, char **argv)
{
	const char *name = DEFAULT_NAME;
	bool keep = false;
	const struct option_spec specs[] = {
		{"name", 0, "NAME", "the balancer (" DEFAULT_NAME ")", .text = &name},
		{"keep", 0, NULL, "targets that leave keep their clients, and get no new ones", .flag = &keep}};
	const size_t n = request == CONTROL_ACTIVATE ? 1 : 2;
	const int first = parse_options(command, argc, argv, specs, n, TARGETS_MAX);

	if (first == argc && request != CONTROL_SET)
		fail(EXIT_USAGE, "An address is missing. Try 'loaded-lb %s --help'.", command->name);
	for (int i = first; i < argc; i++)
		control_add(&message, argv[i]);
	message.request = request;
	message.keep = keep;
	return control_print(name, &message);
}

int command_activate(const struct command *command, int argc, char **argv)
{
	return change(CONTROL_ACTIVATE, command, argc, argv);
}

int command_deactivate(const struct command *command, int argc, char **argv)
{
	return change(CONTROL_DEACTIVATE, command, argc, argv);
}

int command_set(const struct command *command, int argc, char **argv)
{
	return change(CONTROL_SET, command, argc, argv);
}
