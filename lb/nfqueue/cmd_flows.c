// SPDX-License-Identifier: Apache-2.0
/* `nfqueue-lb flow-set`, `flow-delete` and `flow-list`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "flow_text.h"
#include "flows.h"
#include "store.h"
#include "json/json.h"

#define WORDS_MAX 40

/* The wanted flows, from the published ones; others are locked out until the process ends. */
struct change {
	const char *shm;
	struct table table;
	struct flows_shared *shared;
	struct flow_list list;
	uint32_t room;		 /* in the list */
	bool taken[FLOWSET_MAX]; /* slots */
};

static void begin(struct change *change)
{
	uint32_t version;

	store_open(change->shm, true, &change->table);
	store_lock(&change->table);
	change->shared = flows_open(change->shm);
	if (!flows_load(change->shm, change->shared, &change->list, &version))
		fail(EXIT_ERROR, "The flows of '%s' can't be read.", change->shm);
	change->room = change->list.n;
	for (uint32_t i = 0; i < change->list.n; i++)
		change->taken[change->list.flows[i].slot % FLOWSET_MAX] = true;
}

static int publish(const struct change *change)
{
	uint32_t version;
	const bool runs = store_is_claimed(&change->table);
	const bool in_force = flows_publish(change->shm, change->shared, &change->list, runs, &version);

	struct text text = {0};

	json_object(&text, NULL);
	json_number(&text, "version", version);
	json_number(&text, "flows", change->list.n);
	json_bool(&text, "inForce", in_force);
	json_line(&text);
	text_print(&text, stdout);
	text_free(&text);
	return EXIT_OK;
}

static struct stored_flow *find(const struct change *change, const char *name)
{
	for (uint32_t i = 0; i < change->list.n; i++)
		if (strcmp(change->list.flows[i].name, name) == 0)
			return &change->list.flows[i];
	return NULL;
}

/* A place at the end, with a counter of its own. */
static struct stored_flow *add(struct change *change)
{
	struct flow_list *list = &change->list;
	uint32_t slot = 0;

	if (list->n == FLOWSET_MAX)
		fail(EXIT_ERROR, "The maximum of %d flows is reached.", FLOWSET_MAX);
	if (list->n == change->room) {
		change->room = 2 * change->room + 16;
		list->flows = realloc(list->flows, change->room * sizeof(*list->flows));
		if (!list->flows)
			fail(EXIT_ERROR, "Out of memory.");
	}
	while (change->taken[slot])
		slot++;
	change->taken[slot] = true;
	atomic_store(&change->shared->packets[slot], 0);
	list->flows[list->n] = (struct stored_flow){.slot = slot};
	return &list->flows[list->n++];
}

static void check_name(const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	const size_t length = strlen(name);

	if (length == 0 || length > FLOW_NAME_MAX || name[strspn(name, plain)])
		fail(EXIT_USAGE, "'%s' can't name a flow: use up to %d letters, digits, '_', '-' and '.'.",
		     name, FLOW_NAME_MAX);
}

/* What a flow's words say besides what is said once for the command. */
struct flow_words {
	const char *shm, *name, *targets, *protocols, *srcs, *dsts, *sports, *dports, *match;
	uint32_t priority;
	bool batch, replace;
};

static void read_words(const struct command *command, int argc, char **argv, struct flow_words *w)
{
	const struct option_spec specs[] = {
		OPTION_SHM(&w->shm),
		{"name", 0, "FLOW", "name of the flow", .text = &w->name},
		{"targets", 0, "TABLE", "table of its targets", .text = &w->targets},
		{"protocols", 0, "P,...", "tcp, udp, icmp, ... or numbers", .text = &w->protocols},
		{"srcs", 0, "A/N,...", "source networks", .text = &w->srcs},
		{"dsts", 0, "A/N,...", "destination networks", .text = &w->dsts},
		{"sports", 0, "P-Q,...", "source ports or ranges", .text = &w->sports},
		{"dports", 0, "P-Q,...", "destination ports or ranges", .text = &w->dports},
		{"match", 0, "O:HEX[/MASK],...", "bytes at offset O of the transport header; all must match",
		 .text = &w->match},
		{"priority", 0, "N", "the highest priority is matched first, equal ones by age (0)",
		 .number = &w->priority, .max = INT32_MAX},
		{"batch", 0, NULL, "read flows from stdin, one line of options each: all or none",
		 .flag = &w->batch},
		{"replace", 0, NULL, "replace all existing flows with the batch", .flag = &w->replace},
	};

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
}

static void require_table(const char *name)
{
	struct table table;

	if (strlen(name) > TABLE_NAME_MAX)
		fail(EXIT_USAGE, "The name of the table '%s' is too long.", name);
	store_open(name, false, &table);
	store_close(&table);
}

static void append(char text[FLOW_TEXT_MAX + 1], const char *option, const char *value)
{
	const size_t length = strlen(text);

	if (value && (size_t)snprintf(text + length, FLOW_TEXT_MAX + 1 - length, "%s--%s %s",
				      length ? " " : "", option, value) >= FLOW_TEXT_MAX + 1 - length)
		fail(EXIT_USAGE, "The conditions of a flow are too long: at most %d characters.",
		     FLOW_TEXT_MAX);
}

static void set_flow(struct change *change, const struct flow_words *w)
{
	struct flow_rule rule = {.priority = w->priority};
	char text[FLOW_TEXT_MAX + 1] = "";
	struct stored_flow *flow;

	if (!w->name || !w->targets)
		fail(EXIT_USAGE, "A flow needs --name and --targets. Try 'nfqueue-lb flow-set --help'.");
	check_name(w->name);
	require_table(w->targets);
	flow_text_protocols(w->protocols, &rule);
	rule.sources_n = flow_text_networks(w->srcs, rule.sources);
	rule.destinations_n = flow_text_networks(w->dsts, rule.destinations);
	rule.source_ports_n = flow_text_ports(w->sports, rule.source_ports);
	rule.destination_ports_n = flow_text_ports(w->dports, rule.destination_ports);
	flow_text_matches(w->match, &rule);
	append(text, "protocols", w->protocols);
	append(text, "srcs", w->srcs);
	append(text, "dsts", w->dsts);
	append(text, "sports", w->sports);
	append(text, "dports", w->dports);
	append(text, "match", w->match);
	flow = find(change, w->name);
	if (!flow)
		flow = add(change);
	flow->rule = rule;
	snprintf(flow->name, sizeof(flow->name), "%s", w->name);
	snprintf(flow->targets, sizeof(flow->targets), "%s", w->targets);
	memcpy(flow->text, text, sizeof(text));
}

/* Cuts the line up in place; returns the number of words, the first of which is not of it. */
static int split(char *line, char **words)
{
	int n = 1;

	for (char *word; (word = strsep(&line, " \t\n"));)
		if (*word && n < WORDS_MAX)
			words[n++] = word;
	words[n] = NULL;
	return n;
}

static void set_batch(const struct command *command, struct change *change)
{
	char *words[WORDS_MAX + 1] = {(char *)command->name}, *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, stdin) > 0) {
		struct flow_words w = {0};
		const int n = split(line, words);

		if (n == 1)
			continue;
		read_words(command, n, words, &w);
		if (w.shm || w.batch || w.replace)
			fail(EXIT_USAGE, "A line of a batch takes a flow's own options only.");
		set_flow(change, &w);
	}
	free(line);
}

int command_flow_set(const struct command *command, int argc, char **argv)
{
	static struct change change;
	struct flow_words w = {0};

	read_words(command, argc, argv, &w);
	if (w.replace && !w.batch)
		fail(EXIT_USAGE, "--replace goes with --batch.");
	if (w.batch && w.name)
		fail(EXIT_USAGE, "With --batch the flows are lines on stdin, not options.");
	change.shm = w.shm ? w.shm : STORE_DEFAULT_NAME;
	begin(&change);
	if (w.replace)
		/* Slots stay taken until the new ones have theirs, so that counters are not mixed up. */
		change.list.n = 0;
	if (w.batch)
		set_batch(command, &change);
	else
		set_flow(&change, &w);
	return publish(&change);
}

int command_flow_delete(const struct command *command, int argc, char **argv)
{
	static struct change change = {.shm = STORE_DEFAULT_NAME};
	const struct option_spec specs[] = {OPTION_SHM(&change.shm)};
	const int first = parse_options(command, argc, argv, specs, COUNT_OF(specs), FLOWSET_MAX);
	struct flow_list *list = &change.list;

	if (first == argc)
		fail(EXIT_USAGE, "The name of a flow is missing. Try 'nfqueue-lb flow-delete --help'.");
	begin(&change);
	for (int i = first; i < argc; i++) {
		struct stored_flow *flow = find(&change, argv[i]);

		if (!flow)
			fail(EXIT_ERROR, "There is no flow '%s'.", argv[i]);
		memmove(flow, flow + 1, (size_t)(list->flows + --list->n - flow) * sizeof(*flow));
	}
	return publish(&change);
}

static int compare_priorities(const void *a, const void *b)
{
	const struct stored_flow *const *x = a, *const *y = b;

	if ((*x)->rule.priority != (*y)->rule.priority)
		return (*x)->rule.priority < (*y)->rule.priority ? 1 : -1;
	return (*x > *y) - (*x < *y);
}

static void print_flows(const struct change *change, const struct stored_flow **order)
{
	struct text text = {0};

	json_object(&text, NULL);
	json_number(&text, "version", atomic_load(&change->shared->published));
	json_number(&text, "inForce", atomic_load(&change->shared->in_force));
	json_array(&text, "flows");
	for (uint32_t i = 0; i < change->list.n; i++) {
		json_object(&text, NULL);
		json_string(&text, "name", order[i]->name);
		json_number(&text, "priority", order[i]->rule.priority);
		json_string(&text, "targets", order[i]->targets);
		json_string(&text, "conditions", order[i]->text);
		json_number(&text, "packets", atomic_load(&change->shared->packets[order[i]->slot]));
		json_object_end(&text);
	}
	json_array_end(&text);
	json_line(&text);
	text_print(&text, stdout);
	text_free(&text);
}

int command_flow_list(const struct command *command, int argc, char **argv)
{
	static struct change change = {.shm = STORE_DEFAULT_NAME};
	const struct option_spec specs[] = {OPTION_SHM(&change.shm)};
	const struct stored_flow **order;

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	begin(&change);
	order = calloc(change.list.n + 1, sizeof(*order));
	if (!order)
		fail(EXIT_ERROR, "Out of memory.");
	for (uint32_t i = 0; i < change.list.n; i++)
		order[i] = &change.list.flows[i];
	qsort(order, change.list.n, sizeof(*order), compare_priorities);
	print_flows(&change, order);
	free(order);
	return EXIT_OK;
}
