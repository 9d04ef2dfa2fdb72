// SPDX-License-Identifier: Apache-2.0
#include "answer.h"

#include "cli/fail.h"
#include "pick.h"
#include "store.h"
#include "table/maglev.h"

void lookup_open(struct lookup *lookup, const char *shm, bool flows)
{
	uint32_t version;

	store_open(shm, false, &lookup->table);
	if (!flows)
		return;
	if (!flows_load(shm, flows_open(shm), &lookup->flows, &version))
		fail(EXIT_ERROR, "The flows of '%s' can't be read.", shm);
	lookup->set = flowset_new(lookup->flows.flows, lookup->flows.n, sizeof(*lookup->flows.flows));
	if (!lookup->set)
		fail(EXIT_ERROR, "Out of memory.");
}

bool lookup_needs_ports(const struct lookup *lookup)
{
	return lookup->set || lookup->table.config.ports;
}

static const char *const outcomes[FLOW_KINDS] = {
	[FLOW_PORTS] = "flow",
	[FLOW_ICMP_ECHO] = "icmp_echo",
	[FLOW_ICMP_ERROR] = "icmp_error",
	[FLOW_FRAGMENT] = "fragment",
	[FLOW_OTHER_PROTOCOL] = "other_protocol",
	[FLOW_UNMATCHED] = "unmatched",
	[FLOW_MALFORMED] = "malformed",
	[FLOW_SHORT] = "short",
};

/* The table of the first flow that takes it, opened, and the flow's name. False: no flow does, or its table
 * is gone. */
static bool open_flow_table(const struct lookup *lookup, const struct flow_key *key,
			    const struct flow_bytes *transport, const char **name, struct table *table)
{
	const uint32_t found = flowset_match(lookup->set, key, transport);

	if (found == FLOWSET_NONE)
		return false;
	*name = lookup->flows.flows[found].name;
	return store_try_open(lookup->flows.flows[found].targets, table);
}

/* Returns the index. */
static uint32_t add_pick(struct text *text, const struct table *table, const struct flow_key *key)
{
	static const char *const members[] = {"slot", "index", "fwmark"};
	struct table_pick pick = {0};
	bool found = false;

	if (table) {
		const uint32_t hash = pick_hash(table, key);

		json_number(text, "hash", hash);
		found = table_pick(table, hash, &pick);
	} else {
		json_null(text, "hash");
	}
	const uint32_t values[] = {pick.slot, pick.index, pick.fwmark};
	for (int i = 0; i < 3; i++) {
		if (found)
			json_number(text, members[i], values[i]);
		else
			json_null(text, members[i]);
	}
	return found ? pick.index : MAGLEV_N_MAX;
}

uint32_t lookup_add(struct text *text, const struct lookup *lookup, enum flow_kind kind, const struct flow_key *key,
		    const struct flow_bytes *transport)
{
	const bool has_key = flow_has_key(kind);
	struct table table = lookup->table;
	bool has_table = has_key;
	const char *flow = NULL;
	uint32_t index;

	json_string(text, "outcome", outcomes[kind]);
	if (has_key)
		json_hex(text, "key", key, sizeof(*key));
	else
		json_null(text, "key");
	if (has_key && lookup->set)
		has_table = open_flow_table(lookup, key, transport, &flow, &table);
	index = add_pick(text, has_table ? &table : NULL, key);
	if (has_table && lookup->set)
		store_close(&table);
	if (flow)
		json_string(text, "flow", flow);
	else if (lookup->set)
		json_null(text, "flow");
	return index;
}
