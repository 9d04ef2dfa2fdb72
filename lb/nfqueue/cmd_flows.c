// SPDX-License-Identifier: Apache-2.0
/* `nfqueue-lb flow-set` and `trace-flow-set`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "flow_change.h"
#include "flow_text.h"
#include "store.h"

#define WORDS_MAX 40

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
	uint32_t priority, user_ref;
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
		{"user-ref", 0, "N", "number of yours that flow-list prints (0)", .number = &w->user_ref,
		 .max = UINT32_MAX},
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

	/* Packets of a trace flow go where others say. */
	if (!w->name || (!w->targets && !change->trace))
		fail(EXIT_USAGE, "A flow needs --name%s. Try 'nfqueue-lb %s --help'.",
		     change->trace ? "" : " and --targets", change->trace ? "trace-flow-set" : "flow-set");
	check_name(w->name);
	if (w->targets)
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
	flow = flow_change_find(change, w->name);
	if (!flow)
		flow = flow_change_add(change);
	flow->rule = rule;
	flow->user_ref = w->user_ref;
	snprintf(flow->name, sizeof(flow->name), "%s", w->name);
	snprintf(flow->targets, sizeof(flow->targets), "%s", w->targets ? w->targets : change->shm);
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
	flow_change_begin(&change, command);
	if (w.replace)
		/* Slots stay taken until the new ones have theirs, so that counters are not mixed up. */
		change.list.n = 0;
	if (w.batch)
		set_batch(command, &change);
	else
		set_flow(&change, &w);
	return flow_change_publish(&change);
}

