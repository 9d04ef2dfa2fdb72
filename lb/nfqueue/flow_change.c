// SPDX-License-Identifier: Apache-2.0
#include "flow_change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/json.h"
#include "store.h"
#include "trace.h"

void flow_change_begin(struct change *change, const struct command *command)
{
	uint32_t version;

	store_open(change->shm, true, &change->table);
	store_lock(&change->table);
	change->trace = strncmp(command->name, "trace-", 6) == 0;
	snprintf(change->flows, sizeof(change->flows), "%s%s", change->shm, change->trace ? TRACE_SUFFIX : "");
	change->shared = flows_open(change->flows);
	if (!flows_load(change->flows, change->shared, &change->list, &version))
		fail(EXIT_ERROR, "The flows of '%s' can't be read.", change->shm);
	change->room = change->list.n;
	for (uint32_t i = 0; i < change->list.n; i++)
		change->taken[change->list.flows[i].slot % FLOWSET_MAX] = true;
}

int flow_change_publish(const struct change *change)
{
	uint32_t version;
	/* Trace flows are in force when somebody traces, which nobody has to wait for. */
	const bool runs = !change->trace && store_is_claimed(&change->table);
	const bool in_force = flows_publish(change->flows, change->shared, &change->list, runs, &version);

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

struct stored_flow *flow_change_find(const struct change *change, const char *name)
{
	for (uint32_t i = 0; i < change->list.n; i++)
		if (strcmp(change->list.flows[i].name, name) == 0)
			return &change->list.flows[i];
	return NULL;
}

struct stored_flow *flow_change_add(struct change *change)
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
	flows_forget_packets(change->shared, slot);
	list->flows[list->n] = (struct stored_flow){.slot = slot};
	return &list->flows[list->n++];
}
