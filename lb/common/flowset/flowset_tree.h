// SPDX-License-Identifier: Apache-2.0
/* Inside of flowset.c: the rules as ranges, and the tree over them. */
#ifndef LB_FLOWSET_TREE_H
#define LB_FLOWSET_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "flowset/rule.h"

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

/* The part of all packets that a node is about. */
struct box {
	value low[DIMENSIONS], high[DIMENSIONS];
};

/* Any range of `dimension` that meets low..high. */
static inline bool meets(const struct flowset *set, const struct compiled *c, int dimension, value low,
			 value high)
{
	for (uint32_t i = c->at[dimension]; i < c->at[dimension + 1]; i++)
		if (set->ranges[i].low <= high && set->ranges[i].high >= low)
			return true;
	return false;
}

/* Makes nodes[0] and all below it, over all rules; `all` is every packet there can be. */
void flowset_build(struct flowset *set, const struct box *all);

#endif
