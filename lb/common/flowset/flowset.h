// SPDX-License-Identifier: Apache-2.0
/*
 * A priority list of flows: the first whose conditions all hold takes the packet. Built once into a tree of
 * ranges, so that finding it takes about as many steps as the number of flows has bits, and then never
 * changed. Pure memory.
 */
#ifndef LB_FLOWSET_H
#define LB_FLOWSET_H

#include <stddef.h>

#include "flowset/rule.h"
#include "packet/flow.h"

struct flowset;

/* Copies the rules, `stride` bytes apart. NULL: out of memory, or too many. */
struct flowset *flowset_new(const void *rules, uint32_t n, size_t stride);
void flowset_free(struct flowset *set);

/* Index of the rule that takes a packet with this key, which has ports, or FLOWSET_NONE. */
uint32_t flowset_match(const struct flowset *set, const struct flow_key *key,
		       const struct flow_bytes *transport);

/* The same answer, found by asking one rule after the other: what the tree is measured and tested against. */
uint32_t flowset_match_linear(const struct flowset *set, const struct flow_key *key,
			      const struct flow_bytes *transport);

/* What the tree takes. */
struct flowset_size flowset_size(const struct flowset *set);

#endif
