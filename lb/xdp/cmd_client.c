// SPDX-License-Identifier: Apache-2.0
/* `xdp-lb set`, `show` and `stats`: questions to a balancer that runs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <bpf/bpf.h>

#include "commands.h"
#include "control.h"
#include "watch.h"

static char *ask(const char *name, enum control_request request)
{
	const struct control_message message = {.request = request};

	return control_ask(name, &message);
}

static int print(char *answer)
{
	fputs(answer, stdout);
	free(answer);
	return EXIT_OK;
}

int command_set(const struct command *command, int argc, char **argv)
{
	static struct control_message message = {.request = CONTROL_SET, .n = MAGLEV_N_MAX};
	const char *name = DEFAULT_NAME, *active = NULL;
	const struct option_spec specs[] = {
		{"name", 0, "NAME", "the balancer (xdp-lb)", .text = &name},
		{"active", 0, "INDEX=MAC[@WEIGHT],...", "the targets, with weights other than 1; '' for none", .text = &active}};
	char *list;

	parse_options(command, argc, argv, specs, 2, 0);
	if (!active)
		fail(EXIT_USAGE, "--active is missing. Try 'xdp-lb set --help'.");
	list = strdup(active);
	if (!list)
		fail(EXIT_ERROR, "Out of memory.");
	members_parse(list, message.members, MAGLEV_N_MAX);
	free(list);
	return print(control_ask(name, &message));
}

int command_show(const struct command *command, int argc, char **argv)
{
	const char *name = DEFAULT_NAME;
	const struct option_spec specs[] = {{"name", 0, "NAME", "the balancer (xdp-lb)", .text = &name}};

	parse_options(command, argc, argv, specs, 1, 0);
	return print(ask(name, CONTROL_SHOW));
}

int command_stats(const struct command *command, int argc, char **argv)
{
	const char *name = DEFAULT_NAME;
	uint32_t seconds = 0, rounds = UINT32_MAX;
	bool timed = false;
	const struct option_spec specs[] = {
		{"name", 0, "NAME", "the balancer (xdp-lb)", .text = &name},
		{"watch", 0, "SECONDS", "print rates at this interval", .number = &seconds, .min = 1,
		 .max = 3600},
		{"rounds", 0, "N", "end after N intervals", .number = &rounds, .min = 1, .max = UINT32_MAX},
		{"time", 0, NULL, "let the kernel time all BPF programs (some ns per run)", .flag = &timed},
	};
	char *before, *now;

	parse_options(command, argc, argv, specs, 4, 0);
	if (timed && !seconds)
		fail(EXIT_USAGE, "--time needs --watch.");
	/* For as long as this program has it open. */
	if (timed && bpf_enable_stats(BPF_STATS_RUN_TIME) < 0)
		fail(EXIT_ERROR, "Cannot have the kernel time its programs: %s.%s", strerror(errno),
		     errno == EPERM ? " It takes CAP_SYS_ADMIN." : "");
	before = ask(name, CONTROL_STATS);
	if (!seconds)
		return print(before);
	for (uint32_t round = 0; round < rounds; round++) {
		nanosleep(&(struct timespec){.tv_sec = seconds}, NULL);
		now = ask(name, CONTROL_STATS);
		watch_print(before, now, stdout);
		free(before);
		before = now;
	}
	free(before);
	return EXIT_OK;
}
