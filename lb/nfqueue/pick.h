// SPDX-License-Identifier: Apache-2.0
/* From a flow's key to the verdict on its packet. */
#ifndef NFQUEUE_PICK_H
#define NFQUEUE_PICK_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/flow.h"
#include "packet/fragments.h"

struct queued_packet;
struct table;
struct worker;

struct verdict {
	uint32_t decision; /* NF_ACCEPT, NF_DROP, or another queue */
	uint32_t mark;
	bool has_mark; /* else the packet keeps its own */
};

/* By what the table hashes, whatever else the key holds. */
uint32_t pick_hash(const struct table *table, const struct flow_key *key);

/* Where packets of this kind and key go. Unlike the verdict it stays the same for all fragments of a
 * datagram. */
struct fragment_choice pick_choice(struct worker *worker, enum flow_kind kind, const struct flow_key *key,
				   const struct flow_bytes *transport);

/* Whether a flow takes it, where there are flows. */
bool pick_is_taken(const struct fragment_choice *choice);

/* Counts the pick, too. */
struct verdict pick_verdict(struct worker *worker, const struct fragment_choice *choice,
			    const struct queued_packet *packet);

#endif
