#include "flowset.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 value;

enum dimension { PROTOCOL, SOURCE_PORT, DESTINATION_PORT, SOURCE, DESTINATION, DIMENSIONS };

/* The port of what has none: outside of every range of ports, inside of "any". */
#define NO_PORT 65536

struct range {
	value low, high;
};

/* A rule as ranges: those of dimension d are ranges[at[d]] to ranges[at[d + 1] - 1]. */
struct compiled {
	uint32_t at[DIMENSIONS + 1];
	uint32_t rule; /* as the caller counts */
	uint32_t matches_n;
	struct byte_match matches[FLOW_MATCHES_MAX];
};

/* Inner: up to `split` go left. Leaf: rules, best first. */
struct node {
	value split;
	uint32_t left, right; /* leaf: first reference, and their number */
	uint8_t dimension;    /* DIMENSIONS: a leaf */
};

struct flowset {
	struct compiled *rules; /* best first */
	struct range *ranges;
	struct node *nodes;
	uint32_t *references; /* indexes into rules */
	uint32_t n, ranges_n, nodes_max, references_max;
	bool failed; /* out of memory while building */
	struct flowset_size size;
};

/* Leaves so short are searched as fast as split. */
#define LEAF 6
#define DEPTH_MAX 64
/* Rules whose ranges are looked at to find a place to split. */
#define SAMPLE 48
#define ENDS_MAX (SAMPLE * FLOW_RANGES_MAX * 2)

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

/* Any range of `dimension` that meets low..high. */
static bool meets(const struct flowset *set, const struct compiled *c, int dimension, value low, value high)
{
	for (uint32_t i = c->at[dimension]; i < c->at[dimension + 1]; i++)
		if (set->ranges[i].low <= high && set->ranges[i].high >= low)
			return true;
	return false;
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

/* The part of all packets that a node is about. */
struct box {
	value low[DIMENSIONS], high[DIMENSIONS];
};

static bool covers(const struct flowset *set, const struct compiled *c, const struct box *box)
{
	for (int d = 0; d < DIMENSIONS; d++) {
		uint32_t i = c->at[d];

		while (i < c->at[d + 1] &&
		       (set->ranges[i].low > box->low[d] || set->ranges[i].high < box->high[d]))
			i++;
		if (i == c->at[d + 1])
			return false;
	}
	return c->matches_n == 0;
}

static int compare_values(const void *a, const void *b)
{
	const value x = *(const value *)a, y = *(const value *)b;

	return (x > y) - (x < y);
}

/* The middle one of the places within the box where a range of these rules ends or begins. */
static bool middle(const struct flowset *set, const uint32_t *list, uint32_t n, const struct box *box, int d,
		   value *split)
{
	static _Thread_local value ends[ENDS_MAX];
	const uint32_t step = n > SAMPLE ? n / SAMPLE : 1;
	uint32_t ends_n = 0;

	for (uint32_t i = 0; i < n && i < SAMPLE * step; i += step) {
		const struct compiled *c = &set->rules[list[i]];

		for (uint32_t r = c->at[d]; r < c->at[d + 1]; r++) {
			const struct range *range = &set->ranges[r];

			if (range->low > box->low[d] && range->low <= box->high[d])
				ends[ends_n++] = range->low - 1;
			if (range->high < box->high[d] && range->high >= box->low[d])
				ends[ends_n++] = range->high;
		}
	}
	if (ends_n == 0)
		return false;
	qsort(ends, ends_n, sizeof(*ends), compare_values);
	*split = ends[ends_n / 2];
	return true;
}

static uint32_t count_meeting(const struct flowset *set, const uint32_t *list, uint32_t n, int d, value low,
			      value high)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		count += meets(set, &set->rules[list[i]], d, low, high);
	return count;
}

struct split {
	int dimension;
	value at;
	uint32_t larger, both; /* rules on the larger side, and on both together */
};

/* False: no split makes both sides smaller. */
static bool choose_split(const struct flowset *set, const uint32_t *list, uint32_t n, const struct box *box,
			 struct split *best)
{
	best->larger = n;
	for (int d = 0; d < DIMENSIONS; d++) {
		struct split s = {.dimension = d};
		uint32_t left, right;

		if (!middle(set, list, n, box, d, &s.at))
			continue;
		left = count_meeting(set, list, n, d, box->low[d], s.at);
		right = count_meeting(set, list, n, d, s.at + 1, box->high[d]);
		s.larger = left > right ? left : right;
		s.both = left + right;
		if (s.larger < best->larger ||
		    (s.larger == best->larger && s.larger < n && s.both < best->both))
			*best = s;
	}
	return best->larger < n;
}

/* Room for one more node, or FLOWSET_NONE. */
static uint32_t new_node(struct flowset *set)
{
	if (set->size.nodes == set->nodes_max) {
		const uint32_t room = set->nodes_max ? 2 * set->nodes_max : 64;
		struct node *nodes = realloc(set->nodes, room * sizeof(*nodes));

		if (!nodes) {
			set->failed = true;
			return FLOWSET_NONE;
		}
		set->nodes = nodes;
		set->nodes_max = room;
	}
	return set->size.nodes++;
}

static void make_leaf(struct flowset *set, uint32_t node, const uint32_t *list, uint32_t n)
{
	if (set->size.references + n > set->references_max) {
		const uint32_t room = 2 * (set->size.references + n) + 64;
		uint32_t *references = realloc(set->references, room * sizeof(*references));

		if (!references) {
			set->failed = true;
			return;
		}
		set->references = references;
		set->references_max = room;
	}
	if (n) /* no list is no address to copy from */
		memcpy(set->references + set->size.references, list, n * sizeof(*list));
	set->nodes[node] = (struct node){.dimension = DIMENSIONS, .left = set->size.references, .right = n};
	set->size.references += n;
	if (n > set->size.longest_leaf)
		set->size.longest_leaf = n;
}

static uint32_t build(struct flowset *set, const uint32_t *list, uint32_t n, const struct box *box,
		      uint32_t depth);

/* One side of a split. */
static uint32_t build_side(struct flowset *set, const uint32_t *list, uint32_t n, const struct box *box,
			   int d, uint32_t depth)
{
	uint32_t *side = malloc(n * sizeof(*side)), side_n = 0, node;

	if (!side) {
		set->failed = true;
		return 0;
	}
	for (uint32_t i = 0; i < n; i++)
		if (meets(set, &set->rules[list[i]], d, box->low[d], box->high[d]))
			side[side_n++] = list[i];
	node = build(set, side, side_n, box, depth);
	free(side);
	return node;
}

static uint32_t build(struct flowset *set, const uint32_t *list, uint32_t n, const struct box *box,
		      uint32_t depth)
{
	const uint32_t node = new_node(set);
	struct box left = *box, right = *box;
	struct split split = {0};
	uint32_t children[2];

	if (node == FLOWSET_NONE)
		return 0;
	if (depth > set->size.depth)
		set->size.depth = depth;
	/* Nothing behind a rule that takes all can be reached. */
	for (uint32_t i = 0; i < n; i++)
		if (covers(set, &set->rules[list[i]], box))
			n = i + 1;
	/* Rules on both sides of a split are what a tree may explode with. */
	if (n <= LEAF || depth == DEPTH_MAX || set->size.references > 64 * set->n + 4096 ||
	    !choose_split(set, list, n, box, &split)) {
		make_leaf(set, node, list, n);
		return node;
	}
	left.high[split.dimension] = split.at;
	right.low[split.dimension] = split.at + 1;
	children[0] = build_side(set, list, n, &left, split.dimension, depth + 1);
	children[1] = build_side(set, list, n, &right, split.dimension, depth + 1);
	set->nodes[node] = (struct node){split.at, children[0], children[1], (uint8_t)split.dimension};
	return node;
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
	uint32_t *list = calloc(set->n + 1, sizeof(*list));

	if (order && list) {
		for (uint32_t i = 0; i < set->n; i++) {
			order[i] = (struct order){(const void *)(rules + i * stride), i};
			list[i] = i;
		}
		qsort(order, set->n, sizeof(*order), compare_order);
		for (uint32_t i = 0; i < set->n; i++) {
			compile(set, &set->rules[i], order[i].rule);
			set->rules[i].rule = order[i].index;
		}
		memcpy(all.high, most, sizeof(most));
		build(set, list, set->n, &all, 0);
	} else {
		set->failed = true;
	}
	free(order);
	free(list);
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
