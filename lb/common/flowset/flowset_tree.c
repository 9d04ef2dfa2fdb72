// SPDX-License-Identifier: Apache-2.0
#include "flowset/flowset_tree.h"

#include <stdlib.h>
#include <string.h>

/* Leaves so short are searched as fast as split. */
#define LEAF 6
#define DEPTH_MAX 64
/* Rules whose ranges are looked at to find a place to split. */
#define SAMPLE 48
#define ENDS_MAX (SAMPLE * FLOW_RANGES_MAX * 2)

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

static uint32_t count_ranges(const struct flowset *set, const uint32_t *list, uint32_t n, int d, value low,
			     value high)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct compiled *c = &set->rules[list[i]];

		for (uint32_t r = c->at[d]; r < c->at[d + 1]; r++)
			count += set->ranges[r].low <= high && set->ranges[r].high >= low;
	}
	return count;
}

/*
 * Where each rule has ranges on both sides of every split, as those with an IPv4 and an IPv6 address have, one that
 * shares the ranges out: then the next ones part the rules. False: there is none.
 */
static bool share_ranges(const struct flowset *set, const uint32_t *list, uint32_t n, const struct box *box,
			 struct split *best)
{
	double least = 1;

	for (int d = 0; d < DIMENSIONS; d++) {
		struct split s = {.dimension = d};
		uint32_t left, right;
		double share;

		if (!middle(set, list, n, box, d, &s.at))
			continue;
		left = count_ranges(set, list, n, d, box->low[d], s.at);
		right = count_ranges(set, list, n, d, s.at + 1, box->high[d]);
		share = (double)(left > right ? left : right) /
			count_ranges(set, list, n, d, box->low[d], box->high[d]);
		if (share < least) {
			least = share;
			*best = s;
		}
	}
	return least < 1;
}

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
	return best->larger < n || share_ranges(set, list, n, box, best);
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

void flowset_build(struct flowset *set, const struct box *all)
{
	uint32_t *list = malloc((set->n + 1) * sizeof(*list));

	if (!list) {
		set->failed = true;
		return;
	}
	for (uint32_t i = 0; i < set->n; i++)
		list[i] = i;
	build(set, list, set->n, all, 0);
	free(list);
}
