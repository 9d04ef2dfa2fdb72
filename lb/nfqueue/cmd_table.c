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
#include "json/json.h"
#include "table/table_text.h"
#include "trace.h"

static enum table_mode parse_mode(const char *text)
{
	if (strcmp(text, "maglev") == 0)
		return TABLE_MAGLEV;
	if (strcmp(text, "modulo") == 0)
		return TABLE_MODULO;
	fail(EXIT_USAGE, "--mode must be maglev or modulo, not '%s'.", text);
}

static bool parse_sctp_hash(const char *text)
{
	if (strcmp(text, "ports") && strcmp(text, "flow"))
		fail(EXIT_USAGE, "--sctp-hash must be ports or flow, not '%s'.", text);
	return strcmp(text, "flow") == 0;
}

int command_init(const struct command *command, int argc, char **argv)
{
	struct table_config config = {.m = 997, .n = 32, .mask = UINT32_MAX};
	const char *shm = STORE_DEFAULT_NAME, *mode = "maglev", *error;
	const char *sctp = "ports";
	bool ports = false, force = false;
	const struct option_spec specs[] = {
		OPTION_SHM(&shm),
		{"mode", 'm', "MODE", "maglev (default) or modulo", .text = &mode},
		{"ports", 'p', NULL, "hash ports and protocol as well as addresses", .flag = &ports},
		{"sctp-hash", 0, "ports|flow", "with -p, of SCTP: only ports, as all paths of an association share them, or\naddresses too (ports)", .text = &sctp},
		{"M", 0, "M", "slots of the Maglev table, a prime (997)", .number = &config.m,
		 .min = MAGLEV_M_MIN, .max = MAGLEV_M_MAX},
		{"N", 0, "N", "maximum number of targets, up to 1000 (32)", .number = &config.n, .min = 1,
		 .max = MAGLEV_N_MAX},
		{"seed", 0, "SEED", "seed of the hash and the permutations, the same on all routers (0)",
		 .number = &config.seed, .max = UINT32_MAX},
		{"mask", 0, "MASK", "bits of the packet mark to set (0xffffffff)", .number = &config.mask,
		 .min = 1, .max = UINT32_MAX},
		{"force", 0, NULL, "replace an existing table", .flag = &force},
	};

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	config.mode = parse_mode(mode);
	config.ports = ports;
	config.sctp_flow = parse_sctp_hash(sctp);
	error = table_config_error(&config);
	if (error)
		fail(EXIT_USAGE, "Cannot create the table '%s': %s.", shm, error);
	store_create(shm, &config, force);
	return EXIT_OK;
}

int command_delete(const struct command *command, int argc, char **argv)
{
	const char *shm = STORE_DEFAULT_NAME;
	char trace[256];
	const struct option_spec specs[] = {OPTION_SHM(&shm)};

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	store_delete(shm);
	flows_delete(shm);
	snprintf(trace, sizeof(trace), "%s" TRACE_SUFFIX, shm);
	flows_delete(trace);
	return EXIT_OK;
}

int command_stats(const struct command *command, int argc, char **argv)
{
	const char *shm = STORE_DEFAULT_NAME;
	const struct option_spec specs[] = {OPTION_SHM(&shm)};
	struct table table;

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	store_open(shm, false, &table);
	counters_print(&table, stdout);
	return EXIT_OK;
}

static void show_json(const struct table *table, const char *shm, const uint32_t *counts, bool with_table)
{
	const struct table_config *config = &table->config;
	const struct table_half *half = table_current(table);
	const uint16_t *slots = table->slots[half->version & 1];
	struct text text = {0};

	json_object(&text, NULL);
	json_string(&text, "shm", shm);
	json_string(&text, "mode", table_mode_name(config));
	json_bool(&text, "ports", config->ports);
	json_bool(&text, "sctpFlow", config->sctp_flow);
	json_number(&text, "M", config->m);
	json_number(&text, "N", config->n);
	json_number(&text, "seed", config->seed);
	json_number(&text, "mask", config->mask);
	json_number(&text, "version", half->version);
	json_number(&text, "active", half->active);
	json_number(&text, "publishedT", half->published_ns);
	json_array(&text, "targets");
	for (uint32_t i = 0; i < config->n; i++) {
		if (!half->targets[i].fwmark)
			continue;
		json_object(&text, NULL);
		json_number(&text, "index", i);
		json_number(&text, "fwmark", half->targets[i].fwmark);
		json_bool(&text, "active", half->targets[i].weight > 0);
		if (half->targets[i].weight > 1)
			json_number(&text, "weight", half->targets[i].weight);
		json_number(&text, "slots", counts[i]);
		json_object_end(&text);
	}
	json_array_end(&text);
	if (with_table)
		json_array(&text, "table");
	for (uint32_t i = 0; with_table && i < half->slots; i++)
		json_number(&text, NULL, slots[i]);
	if (with_table)
		json_array_end(&text);
	json_line(&text);
	text_print(&text, stdout);
	text_free(&text);
}

static void show_text(const struct table *table, const char *shm, const uint32_t *counts, bool with_table)
{
	const struct table_config *config = &table->config;
	const struct table_half *half = table_current(table);
	const uint16_t *slots = table->slots[half->version & 1];

	printf("Table '%s', version %" PRIu64 ": %s, M %u, N %u, seed %u, mask 0x%x, hash on %s.\n", shm,
	       half->version, table_mode_name(config), config->m, config->n, config->seed, config->mask,
	       config->ports ? "addresses and ports" : "addresses");
	printf("%u of %u targets active.\n%5s %10s %8s %9s %7s\n", half->active, config->n, "index", "fwmark",
	       "state", "slots", "share");
	for (uint32_t i = 0; i < config->n; i++)
		if (half->targets[i].fwmark)
			printf("%5u %10u %8s %9u %6.2f%%\n", i, half->targets[i].fwmark,
			       half->targets[i].weight ? "active" : "inactive", counts[i],
			       half->slots ? 100.0 * counts[i] / half->slots : 0.0);
	for (uint32_t i = 0; with_table && i < half->slots; i++)
		printf("%u%c", slots[i], i % 20 == 19 || i + 1 == half->slots ? '\n' : ' ');
}

int command_show(const struct command *command, int argc, char **argv)
{
	const char *shm = STORE_DEFAULT_NAME;
	bool json = false, with_table = false;
	const struct option_spec specs[] = {
		OPTION_SHM(&shm),
		{"json", 0, NULL, "as one JSON line", .flag = &json},
		{"table", 0, NULL, "print every slot", .flag = &with_table},
	};
	uint32_t counts[MAGLEV_N_MAX];
	struct table table;

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	store_open(shm, true, &table); /* writable for the lock, which holds the version still */
	store_lock(&table);
	table_count_slots(&table, counts);
	(json ? show_json : show_text)(&table, shm, counts, with_table);
	return EXIT_OK;
}
