// SPDX-License-Identifier: Apache-2.0
#include "pick.h"

#include <linux/netfilter.h>
#include <stddef.h>
#include <string.h>

#include "counters.h"
#include "flow_service.h"
#include "flowset/flowset.h"
#include "table/hash.h"
#include "worker.h"

/* In place of a table: none of ours; taken by no flow; taken by a flow whose table is gone. */
static const struct table pass, no_flow, no_table;

static uint32_t next_random(struct worker *worker)
{
	worker->random ^= worker->random << 13;
	worker->random ^= worker->random >> 7;
	worker->random ^= worker->random << 17;
	return worker->random >> 32;
}

uint32_t pick_hash(const struct table *table, const struct flow_key *key)
{
	const size_t addresses = offsetof(struct flow_key, source_port);
	const bool is_sctp = key->protocol == PROTO_SCTP && !table->config.sctp_flow;
	struct flow_key part = {0};

	if (table->config.ports && !is_sctp)
		return murmur3_32(key, sizeof(*key), table->config.seed);
	/* With flows there are ports in the key whatever this table hashes. */
	if (table->config.ports)
		memcpy((uint8_t *)&part + addresses, (const uint8_t *)key + addresses, sizeof(part) - addresses);
	else
		memcpy(&part, key, addresses);
	return murmur3_32(&part, sizeof(part), table->config.seed);
}

struct fragment_choice pick_choice(struct worker *worker, enum flow_kind kind, const struct flow_key *key,
				   const struct flow_bytes *transport)
{
	struct fragment_choice choice = {0};
	const struct table *table = worker->table;

	if (!flow_has_key(kind))
		choice.set = &pass;
	else if (worker->options->flows &&
		 !flow_service_find(worker->options->flows, key, transport, &table, &choice.counter))
		choice.set = &no_flow;
	else if (!table)
		choice.set = &no_table;
	else
		choice = (struct fragment_choice){table, choice.counter,
						  worker->options->random ? next_random(worker)
									  : pick_hash(table, key)};
	return choice;
}

bool pick_is_taken(const struct fragment_choice *choice)
{
	return choice->set != &no_flow;
}

/* Mark 0 stands for "none": then the packet is dropped. */
static struct verdict marked(const struct table *table, const struct queued_packet *packet, uint32_t fwmark)
{
	const uint32_t mask = table->config.mask;

	if (!fwmark)
		return (struct verdict){.decision = NF_DROP};
	return (struct verdict){NF_ACCEPT, (packet->mark & ~mask) | (fwmark & mask), true};
}

struct verdict pick_verdict(struct worker *worker, const struct fragment_choice *choice,
			    const struct queued_packet *packet)
{
	const struct table *table = choice->set;
	struct table_pick pick;

	if (table == &pass)
		return (struct verdict){.decision = NF_ACCEPT};
	if (table == &no_flow) {
		count(&worker->counters[COUNT_NO_FLOW], 1);
		return marked(worker->table, packet, worker->options->no_flow_fwmark);
	}
	if (choice->counter) /* set to 0 by others */
		__atomic_fetch_add(choice->counter + worker->row * (size_t)FLOWSET_MAX, 1, __ATOMIC_RELAXED);
	if (table != &no_table && table_pick(table, choice->hash, &pick)) {
		if (table == worker->table)
			count(&worker->counters[COUNTERS + pick.index], 1);
		return marked(table, packet, pick.fwmark);
	}
	count(&worker->counters[COUNT_NO_TARGET], 1);
	return marked(worker->table, packet, worker->options->no_target_fwmark);
}
