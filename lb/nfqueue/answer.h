// SPDX-License-Identifier: Apache-2.0
/* What a packet or a flow would get of a table, or of the flows, as members of a JSON object. */
#ifndef NFQUEUE_ANSWER_H
#define NFQUEUE_ANSWER_H

#include "flows.h"
#include "json/json.h"
#include "packet/flow.h"
#include "table/table.h"

/* What is asked: the one table, or those of the flows. */
struct lookup {
	struct table table;
	struct flow_list flows;
	uint32_t sctp_encap;	   /* UDP port that carries SCTP; 0: none */
	const struct flowset *set; /* NULL: all packets go by the one table */
};

/* Opens the table, and reads its flows if these are to choose. Fails with a sentence. */
void lookup_open(struct lookup *lookup, const char *shm, bool flows);

bool lookup_needs_ports(const struct lookup *lookup);

/* Outcome, key, hash, slot, index and fwmark; with flows, the name of the one that takes it. Returns the index of the
 * target; MAGLEV_N_MAX: none. */
uint32_t lookup_add(struct text *text, const struct lookup *lookup, enum flow_kind kind, const struct flow_key *key,
		    const struct flow_bytes *transport);

#endif
