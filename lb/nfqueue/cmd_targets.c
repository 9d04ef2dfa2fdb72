// SPDX-License-Identifier: Apache-2.0
/* `nfqueue-lb activate`, `deactivate` and `set`: each changes the active set in one publication. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "table/maglev.h"
#include "table/prime.h"
#include "store.h"
#include "table/table_text.h"

#define NO_INDEX UINT32_MAX

/* The wanted state, from the published one; the table stays locked until the process ends. */
struct change {
	struct table table;
	struct target targets[MAGLEV_N_MAX];
	uint32_t n;
};

static void begin(struct change *change, const char *shm)
{
	store_open(shm, true, &change->table);
	store_lock(&change->table);
	change->n = change->table.config.n;
	memcpy(change->targets, table_current(&change->table)->targets, change->n * sizeof(struct target));
}

static int publish(const struct change *change)
{
	struct table_publication done;
	struct text text = {0};

	if (!table_publish(&change->table, change->targets, &done))
		fail(EXIT_ERROR, "Cannot build the table: out of memory.");
	table_publication_json(&text, &done);
	text_print(&text, stdout);
	text_free(&text);
	return EXIT_OK;
}

static uint32_t index_of(const struct change *change, uint32_t fwmark)
{
	for (uint32_t i = 0; i < change->n; i++)
		if (change->targets[i].fwmark == fwmark)
			return i;
	return NO_INDEX;
}

/* The lowest index never used, else the lowest that is not active. */
static uint32_t free_index(const struct change *change)
{
	uint32_t unused = index_of(change, 0);

	for (uint32_t i = 0; unused == NO_INDEX && i < change->n; i++)
		if (!change->targets[i].weight)
			unused = i;
	if (unused == NO_INDEX)
		fail(EXIT_ERROR, "All %u targets of the table are active. Use a larger --N at init.",
		     change->n);
	return unused;
}

static uint32_t parse_fwmark(const struct change *change, const char *text)
{
	const uint32_t fwmark = parse_number(text, "A fwmark", 1, UINT32_MAX);
	const uint32_t mask = change->table.config.mask;

	if (fwmark & ~mask)
		fail(EXIT_USAGE, "The fwmark 0x%x has bits outside the table's mask 0x%x.", fwmark, mask);
	return fwmark;
}

/* Two targets with one mark could not be told apart. A mark kept for an inactive target gives way. */
static void assign(struct change *change, uint32_t index, uint32_t fwmark, uint32_t weight)
{
	const uint32_t holder = index_of(change, fwmark);

	if (holder != NO_INDEX && holder != index) {
		if (change->targets[holder].weight)
			fail(EXIT_USAGE, "The fwmark %u belongs to the active target %u already.", fwmark,
			     holder);
		change->targets[holder].fwmark = 0;
	}
	change->targets[index] = (struct target){.fwmark = fwmark, .weight = weight};
}

int command_activate(const struct command *command, int argc, char **argv)
{
	static struct change change;
	const char *shm = STORE_DEFAULT_NAME, *index_text = NULL;
	const struct option_spec specs[] = {
		OPTION_SHM(&shm),
		{"index", 0, "I",
		 "index of a single target (the index of its fwmark, else the lowest free one)",
		 .text = &index_text}};
	const int first = parse_options(command, argc, argv, specs, 2, MAGLEV_N_MAX);

	if (first == argc)
		fail(EXIT_USAGE, "A fwmark is missing. Try 'nfqueue-lb activate --help'.");
	if (index_text && argc - first > 1)
		fail(EXIT_USAGE, "--index takes exactly one fwmark.");
	begin(&change, shm);
	for (int i = first; i < argc; i++) {
		const uint32_t fwmark = parse_fwmark(&change, argv[i]);
		uint32_t index = index_of(&change, fwmark);

		if (index_text)
			index = parse_number(index_text, "--index", 0, change.n - 1);
		else if (index == NO_INDEX)
			index = free_index(&change);
		assign(&change, index, fwmark, 1);
	}
	return publish(&change);
}

int command_deactivate(const struct command *command, int argc, char **argv)
{
	static struct change change;
	const char *shm = STORE_DEFAULT_NAME, *index_text = NULL;
	const struct option_spec specs[] = {
		OPTION_SHM(&shm), {"index", 0, "I", "index of a single target", .text = &index_text}};
	const int first = parse_options(command, argc, argv, specs, 2, MAGLEV_N_MAX);

	if ((first == argc) == !index_text)
		fail(EXIT_USAGE, "Give either fwmarks or --index. Try 'nfqueue-lb deactivate --help'.");
	begin(&change, shm);
	if (index_text)
		change.targets[parse_number(index_text, "--index", 0, change.n - 1)].weight = 0;
	for (int i = first; i < argc; i++) {
		const uint32_t index = index_of(&change, parse_fwmark(&change, argv[i]));

		if (index == NO_INDEX)
			fail(EXIT_ERROR, "No target has the fwmark %s.", argv[i]);
		change.targets[index].weight = 0;
	}
	return publish(&change);
}

/* "index:fwmark" or "index:fwmark@weight"; cut up in place. */
static void assign_pair(struct change *change, char *pair)
{
	char *colon = strchr(pair, ':'), *at = strchr(pair, '@');
	uint32_t index, weight = 1;

	if (!colon)
		fail(EXIT_USAGE, "--active takes pairs 'index:fwmark', not '%s'.", pair);
	*colon = '\0';
	if (at) {
		*at = '\0';
		weight = parse_number(at + 1, "A target's weight", 1, WEIGHT_MAX);
		if (change->table.config.mode != TABLE_MAGLEV)
			fail(EXIT_USAGE, "Weights need a Maglev table.");
	}
	index = parse_number(pair, "A target's index", 0, change->n - 1);
	if (change->targets[index].weight)
		fail(EXIT_USAGE, "The target %u is given twice.", index);
	assign(change, index, parse_fwmark(change, colon + 1), weight);
}

int command_set(const struct command *command, int argc, char **argv)
{
	static struct change change;
	const char *shm = STORE_DEFAULT_NAME, *active = NULL;
	const struct option_spec specs[] = {
		OPTION_SHM(&shm),
		{"active", 0, "INDEX:FWMARK[@WEIGHT],...", "the targets, with weights other than 1; '' for none", .text = &active}};
	char *pairs, *pair;

	parse_options(command, argc, argv, specs, 2, 0);
	if (!active)
		fail(EXIT_USAGE, "--active is missing. Try 'nfqueue-lb set --help'.");
	pairs = strdup(active);
	if (!pairs)
		fail(EXIT_ERROR, "Out of memory.");
	begin(&change, shm);
	for (uint32_t i = 0; i < change.n; i++)
		change.targets[i].weight = 0;
	for (char *rest = pairs; *pairs && (pair = strsep(&rest, ","));)
		assign_pair(&change, pair);
	free(pairs);
	return publish(&change);
}

int command_create(const struct command *command, int argc, char **argv)
{
	static struct change change;
	struct table_config config = {.mask = UINT32_MAX, .mode = TABLE_MAGLEV};
	const char *shm = STORE_DEFAULT_NAME, *error;
	uint32_t initial = 0;
	const struct option_spec specs[] = {
		OPTION_SHM(&shm),
		{"initial", 'i', "I", "targets that are active (0)", .number = &initial, .max = MAGLEV_N_MAX}};
	const int first = parse_options(command, argc, argv, specs, COUNT_OF(specs), 2);

	if (argc - first < 2)
		fail(EXIT_USAGE, "M and N are missing. Try 'nfqueue-lb create --help'.");
	config.m = prime_below(parse_number(argv[first], "M", MAGLEV_M_MIN, MAGLEV_M_MAX));
	config.n = parse_number(argv[first + 1], "N", 1, MAGLEV_N_MAX);
	error = table_config_error(&config);
	if (error)
		fail(EXIT_USAGE, "Cannot create the table '%s': %s.", shm, error);
	if (initial > config.n)
		fail(EXIT_USAGE, "Of %u targets no %u can be active.", config.n, initial);
	store_create(shm, &config, true);
	begin(&change, shm);
	for (uint32_t i = 0; i < initial; i++)
		assign(&change, i, i + 1, 1);
	return publish(&change);
}
