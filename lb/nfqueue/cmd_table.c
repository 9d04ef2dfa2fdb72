// SPDX-License-Identifier: Apache-2.0
/* `nfqueue-lb init`, `delete`, `show` and `stats`: the table as a whole. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "counters.h"
#include "table/maglev.h"
#include "flows.h"
#include "store.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

static enum table_mode parse_mode(const char *text)
{
	if (strcmp(text, "maglev") == 0)
		return TABLE_MAGLEV;
	if (strcmp(text, "modulo") == 0)
		return TABLE_MODULO;
	fail(EXIT_USAGE, "--mode must be maglev or modulo, not '%s'.", text);
}

int command_init(const struct command *command, int argc, char **argv)
{
	struct table_config config = {.m = 997, .n = 32, .mask = UINT32_MAX};
	const char *shm = STORE_DEFAULT_NAME, *mode = "maglev", *error;
	bool ports = false, force = false;
	const struct option_spec specs[] = {
		{"shm", 0, .text = &shm},
		{"mode", 'm', .text = &mode},
		{"ports", 'p', .flag = &ports},
		{"M", 0, .number = &config.m, .min = MAGLEV_M_MIN, .max = MAGLEV_M_MAX},
		{"N", 0, .number = &config.n, .min = 1, .max = MAGLEV_N_MAX},
		{"seed", 0, .number = &config.seed, .max = UINT32_MAX},
		{"mask", 0, .number = &config.mask, .min = 1, .max = UINT32_MAX},
		{"force", 0, .flag = &force},
	};

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	config.mode = parse_mode(mode);
	config.ports = ports;
	error = table_config_error(&config);
	if (error)
		fail(EXIT_USAGE, "Cannot create the table '%s': %s.", shm, error);
	store_create(shm, &config, force);
	return EXIT_OK;
}

int command_delete(const struct command *command, int argc, char **argv)
{
	const char *shm = STORE_DEFAULT_NAME;
	const struct option_spec specs[] = {{"shm", 0, .text = &shm}};

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	store_delete(shm);
	flows_delete(shm);
	return EXIT_OK;
}

int command_stats(const struct command *command, int argc, char **argv)
{
	const char *shm = STORE_DEFAULT_NAME;
	const struct option_spec specs[] = {{"shm", 0, .text = &shm}};
	struct table table;

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	store_open(shm, false, &table);
	counters_print(&table, stdout);
	return EXIT_OK;
}

/* Slots of each target; all zero for one that is not active. */
static void count_slots(const struct table *table, uint32_t counts[MAGLEV_N_MAX])
{
	const struct table_half *half = table_current(table);
	const uint16_t *slots = table->slots[half->version & 1];

	memset(counts, 0, MAGLEV_N_MAX * sizeof(*counts));
	for (uint32_t i = 0; i < half->slots; i++)
		counts[slots[i]]++;
}

static void show_json(const struct table *table, const char *shm, const uint32_t *counts, bool with_table)
{
	const struct table_config *config = &table->config;
	const struct table_half *half = table_current(table);
	const uint16_t *slots = table->slots[half->version & 1];
	const char *separator = "";

	printf("{\"shm\":\"%s\",\"mode\":\"%s\",\"ports\":%s,\"M\":%u,\"N\":%u,\"seed\":%u,\"mask\":%u,"
	       "\"version\":%" PRIu64 ",\"active\":%u,\"publishedT\":%" PRIu64 ",\"targets\":[",
	       shm, config->mode == TABLE_MAGLEV ? "maglev" : "modulo", config->ports ? "true" : "false",
	       config->m, config->n, config->seed, config->mask, half->version, half->active,
	       half->published_ns);
	for (uint32_t i = 0; i < config->n; i++) {
		if (!half->targets[i].fwmark)
			continue;
		printf("%s{\"index\":%u,\"fwmark\":%u,\"active\":%s,\"slots\":%u}", separator, i,
		       half->targets[i].fwmark, half->targets[i].active ? "true" : "false", counts[i]);
		separator = ",";
	}
	putchar(']');
	if (with_table)
		fputs(",\"table\":[", stdout);
	for (uint32_t i = 0; with_table && i < half->slots; i++)
		printf("%s%u", i ? "," : "", slots[i]);
	puts(with_table ? "]}" : "}");
}

static void show_text(const struct table *table, const char *shm, const uint32_t *counts, bool with_table)
{
	const struct table_config *config = &table->config;
	const struct table_half *half = table_current(table);
	const uint16_t *slots = table->slots[half->version & 1];

	printf("Table '%s', version %" PRIu64 ": %s, M %u, N %u, seed %u, mask 0x%x, hash on %s.\n", shm,
	       half->version, config->mode == TABLE_MAGLEV ? "maglev" : "modulo", config->m, config->n,
	       config->seed, config->mask, config->ports ? "addresses and ports" : "addresses");
	printf("%u of %u targets active.\n%5s %10s %8s %9s %7s\n", half->active, config->n, "index", "fwmark",
	       "state", "slots", "share");
	for (uint32_t i = 0; i < config->n; i++)
		if (half->targets[i].fwmark)
			printf("%5u %10u %8s %9u %6.2f%%\n", i, half->targets[i].fwmark,
			       half->targets[i].active ? "active" : "inactive", counts[i],
			       half->slots ? 100.0 * counts[i] / half->slots : 0.0);
	for (uint32_t i = 0; with_table && i < half->slots; i++)
		printf("%u%c", slots[i], i % 20 == 19 || i + 1 == half->slots ? '\n' : ' ');
}

int command_show(const struct command *command, int argc, char **argv)
{
	const char *shm = STORE_DEFAULT_NAME;
	bool json = false, with_table = false;
	const struct option_spec specs[] = {
		{"shm", 0, .text = &shm},
		{"json", 0, .flag = &json},
		{"table", 0, .flag = &with_table},
	};
	uint32_t counts[MAGLEV_N_MAX];
	struct table table;

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	store_open(shm, true, &table); /* writable for the lock, which holds the version still */
	store_lock(&table);
	count_slots(&table, counts);
	(json ? show_json : show_text)(&table, shm, counts, with_table);
	return EXIT_OK;
}
