// SPDX-License-Identifier: Apache-2.0
/* `nfqueue-lb loglevel`: how much the balancer says. */
#include <stdio.h>

#include "commands.h"
#include "log.h"
#include "store.h"

int command_loglevel(const struct command *command, int argc, char **argv)
{
	const char *shm = STORE_DEFAULT_NAME;
	const struct option_spec specs[] = {OPTION_SHM(&shm)};
	const int first = parse_options(command, argc, argv, specs, COUNT_OF(specs), 1);
	struct table table;
	uint32_t level;

	if (first < argc)
		level = parse_number(argv[first], "The log level", 0, LOG_DEBUG);
	store_open(shm, first < argc, &table);
	if (first < argc)
		atomic_store(&table.header->log_level, level);
	printf("loglevel=%u\n", atomic_load(&table.header->log_level));
	return EXIT_OK;
}
