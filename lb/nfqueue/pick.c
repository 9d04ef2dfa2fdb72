#include "pick.h"

#include <linux/netfilter.h>

#include "counters.h"
#include "hash.h"
#include "worker.h"

/* In place of a table: these packets are none of ours. */
static const struct table pass;

static uint32_t next_random(struct worker *worker)
{
	worker->random ^= worker->random << 13;
	worker->random ^= worker->random >> 7;
	worker->random ^= worker->random << 17;
	return worker->random >> 32;
}

struct fragment_choice pick_choice(struct worker *worker, enum flow_kind kind, const struct flow_key *key,
				   const struct flow_bytes *transport)
{
	(void)transport;
	if (!flow_has_key(kind))
		return (struct fragment_choice){.set = &pass};
	return (struct fragment_choice){
		.set = worker->table,
		.hash = worker->options->random ? next_random(worker)
						: murmur3_32(key, sizeof(*key), worker->table->config.seed),
	};
}

static struct verdict marked(const struct table *table, const struct queued_packet *packet, uint32_t fwmark)
{
	const uint32_t mask = table->config.mask;

	return (struct verdict){NF_ACCEPT, (packet->mark & ~mask) | (fwmark & mask), true};
}

struct verdict pick_verdict(struct worker *worker, const struct fragment_choice *choice,
			    const struct queued_packet *packet)
{
	const struct table *table = choice->set;
	struct table_pick pick;

	if (table == &pass)
		return (struct verdict){.decision = NF_ACCEPT};
	if (table_pick(table, choice->hash, &pick)) {
		count(&worker->counters[COUNTERS + pick.index], 1);
		return marked(table, packet, pick.fwmark);
	}
	count(&worker->counters[COUNT_NO_TARGET], 1);
	if (worker->options->no_target_fwmark)
		return marked(table, packet, worker->options->no_target_fwmark);
	return (struct verdict){.decision = NF_DROP};
}
