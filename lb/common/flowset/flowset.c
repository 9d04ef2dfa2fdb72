// SPDX-License-Identifier: Apache-2.0
#include "flowset/flowset.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "flowset/flowset_tree.h"

static const value most[DIMENSIONS] = {UINT8_MAX, NO_PORT, NO_PORT, ~(value)0, ~(value)0};

static value address_value(const uint8_t bytes[16])
{
	uint64_t halves[2];

	memcpy(halves, bytes, sizeof(halves));
	return (value)be64toh(halves[0]) << 64 | be64toh(halves[1]);
}

static void values_of(const struct flow_key *key, value to[DIMENSIONS])
{
	const bool ports = flow_protocol_has_ports(key->protocol);

	to[PROTOCOL] = key->protocol;
	to[SOURCE_PORT] = ports ? key->source_port[0] << 8 | key->source_port[1] : NO_PORT;
	to[DESTINATION_PORT] = ports ? key->destination_port[0] << 8 | key->destination_port[1] : NO_PORT;
	to[SOURCE] = address_value(key->source);
	to[DESTINATION] = address_value(key->destination);
}

static bool bytes_match(const struct compiled *c, const struct flow_bytes *transport)
{
	for (uint32_t i = 0; i < c->matches_n; i++) {
		const struct byte_match *m = &c->matches[i];

		if (!transport->at || (uint32_t)m->offset + m->size > transport->size)
			return false;
		for (uint32_t b = 0; b < m->size; b++)
			if ((transport->at[m->offset + b] ^ m->value[b]) & m->mask[b])
				return false;
	}
	return true;
}

static bool takes(const struct flowset *set, const struct compiled *c, const value values[DIMENSIONS],
		  const struct flow_bytes *transport)
{
	for (int d = 0; d < DIMENSIONS; d++)
		if (!meets(set, c, d, values[d], values[d]))
			return false;
	return bytes_match(c, transport);
}

static void compile_addresses(struct flowset *set, const struct address_range *from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		set->ranges[set->ranges_n++] =
			(struct range){address_value(from[i].low), address_value(from[i].high)};
}

static void compile_ports(struct flowset *set, const struct port_range *from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		set->ranges[set->ranges_n++] = (struct range){from[i].low, from[i].high};
}

static void compile(struct flowset *set, struct compiled *c, const struct flow_rule *rule)
{
	*c = (struct compiled){.matches_n = rule->matches_n};
	memcpy(c->matches, rule->matches, sizeof(c->matches));
	for (int d = 0; d < DIMENSIONS; d++) {
		c->at[d] = set->ranges_n;
		switch (d) {
		case PROTOCOL:
			for (uint32_t i = 0; i < rule->protocols_n; i++)
				set->ranges[set->ranges_n++] =
					(struct range){rule->protocols[i], rule->protocols[i]};
			break;
		case SOURCE_PORT:
			compile_ports(set, rule->source_ports, rule->source_ports_n);
			break;
		case DESTINATION_PORT:
			compile_ports(set, rule->destination_ports, rule->destination_ports_n);
			break;
		case SOURCE:
			compile_addresses(set, rule->sources, rule->sources_n);
			break;
		case DESTINATION:
			compile_addresses(set, rule->destinations, rule->destinations_n);
			break;
		}
		if (set->ranges_n == c->at[d])
			set->ranges[set->ranges_n++] = (struct range){0, most[d]};
	}
	c->at[DIMENSIONS] = set->ranges_n;
}

struct order {
	const struct flow_rule *rule;
	uint32_t index;
};

static int compare_order(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	if (x->rule->priority != y->rule->priority)
		return x->rule->priority < y->rule->priority ? 1 : -1;
	return (x->index > y->index) - (x->index < y->index);
}

static bool fill(struct flowset *set, const uint8_t *rules, size_t stride)
{
	struct box all = {0};
	struct order *order = calloc(set->n + 1, sizeof(*order));

	if (!order)
		return false;
	for (uint32_t i = 0; i < set->n; i++)
		order[i] = (struct order){(const void *)(rules + i * stride), i};
	qsort(order, set->n, sizeof(*order), compare_order);
	for (uint32_t i = 0; i < set->n; i++) {
		compile(set, &set->rules[i], order[i].rule);
		set->rules[i].rule = order[i].index;
	}
	free(order);
	memcpy(all.high, most, sizeof(most));
	flowset_build(set, &all);
	return !set->failed;
}

struct flowset *flowset_new(const void *rules, uint32_t n, size_t stride)
{
	struct flowset *set = calloc(1, sizeof(*set));
	const size_t ranges_max = FLOW_PROTOCOLS_MAX + 4 * FLOW_RANGES_MAX;

	if (!set || n > FLOWSET_MAX) {
		free(set);
		return NULL;
	}
	set->n = n;
	set->rules = calloc(n + 1, sizeof(*set->rules));
	set->ranges = malloc((n + 1) * ranges_max * sizeof(*set->ranges));
	if (!set->rules || !set->ranges || !fill(set, rules, stride)) {
		flowset_free(set);
		return NULL;
	}
	return set;
}

void flowset_free(struct flowset *set)
{
	if (!set)
		return;
	free(set->rules);
	free(set->ranges);
	free(set->nodes);
	free(set->references);
	free(set);
}

uint32_t flowset_match(const struct flowset *set, const struct flow_key *key,
		       const struct flow_bytes *transport)
{
	const struct node *node = &set->nodes[0];
	value values[DIMENSIONS];

	values_of(key, values);
	while (node->dimension != DIMENSIONS)
		node = &set->nodes[values[node->dimension] <= node->split ? node->left : node->right];
	for (uint32_t i = 0; i < node->right; i++) {
		const struct compiled *c = &set->rules[set->references[node->left + i]];

		if (takes(set, c, values, transport))
			return c->rule;
	}
	return FLOWSET_NONE;
}

uint32_t flowset_match_linear(const struct flowset *set, const struct flow_key *key,
			      const struct flow_bytes *transport)
{
	value values[DIMENSIONS];

	values_of(key, values);
	for (uint32_t i = 0; i < set->n; i++)
		if (takes(set, &set->rules[i], values, transport))
			return set->rules[i].rule;
	return FLOWSET_NONE;
}

struct flowset_size flowset_size(const struct flowset *set)
{
	return set->size;
}
