// SPDX-License-Identifier: Apache-2.0
/* `nfqueue-lb flow-delete` and `flow-list`, and the same of trace flows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "flow_change.h"
#include "json/json.h"
#include "store.h"

int command_flow_delete(const struct command *command, int argc, char **argv)
{
	static struct change change = {.shm = STORE_DEFAULT_NAME};
	const struct option_spec specs[] = {OPTION_SHM(&change.shm)};
	const int first = parse_options(command, argc, argv, specs, COUNT_OF(specs), FLOWSET_MAX);
	struct flow_list *list = &change.list;

	if (first == argc)
		fail(EXIT_USAGE, "The name of a flow is missing. Try 'nfqueue-lb flow-delete --help'.");
	flow_change_begin(&change, command);
	for (int i = first; i < argc; i++) {
		struct stored_flow *flow = flow_change_find(&change, argv[i]);

		if (!flow)
			fail(EXIT_ERROR, "There is no flow '%s'.", argv[i]);
		memmove(flow, flow + 1, (size_t)(list->flows + --list->n - flow) * sizeof(*flow));
	}
	return flow_change_publish(&change);
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
		json_number(&text, "userRef", order[i]->user_ref);
		json_number(&text, "packets", flows_packets(change->shared, order[i]->slot));
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
	flow_change_begin(&change, command);
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
