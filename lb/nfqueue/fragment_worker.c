// SPDX-License-Identifier: Apache-2.0
#include "fragment_worker.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "util/clock.h"
#include "counters.h"
#include "encap.h"
#include "table/hash.h"
#include "cli/options.h"
#include "reinject.h"
#include "worker.h"

struct fragment_worker {
	struct fragment_options options;
	struct fragments *table;
	int tun;
	uint64_t now;
};

struct fragment_worker *fragment_worker_open(const struct fragment_options *options)
{
	struct fragment_worker *fragments = malloc(sizeof(*fragments));
	uint32_t seed;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = clock_ns();
	if (!fragments)
		fail(EXIT_ERROR, "Out of memory.");
	*fragments = (struct fragment_worker){
		.options = *options,
		.table = fragments_new(&options->limits, seed),
		.tun = reinject_open(options->tun),
		.now = clock_ns(),
	};
	if (!fragments->table)
		fail(EXIT_ERROR, "No memory for a table of %u datagrams.", options->limits.datagrams);
	return fragments;
}

void fragment_worker_close(struct fragment_worker *fragments)
{
	fragments_free(fragments->table);
	close(fragments->tun);
	free(fragments);
}

void fragment_worker_tick(struct worker *worker)
{
	struct fragment_worker *fragments = worker->fragments;

	fragments->now = clock_ns();
	fragments_expire(fragments->table, fragments->now);
	reinject_drain(fragments->tun);
}

void fragment_worker_publish(struct worker *worker)
{
	const uint64_t *counts = fragments_counts(worker->fragments->table);

	for (int i = 0; i < FRAGMENT_COUNTS; i++)
		__atomic_store_n(&worker->counters[COUNT_FRAGMENTS + i], counts[i], __ATOMIC_RELAXED);
}

static void give_back(void *context, const uint8_t *data, uint32_t size)
{
	struct worker *worker = context;

	if (!reinject(worker->fragments->tun, data, size))
		count(&worker->counters[COUNT_REINJECT_ERRORS], 1);
}

/*
 * Fragments of a flow come in by any router, but only one of them may keep them: the one that the addresses
 * choose. What another router sent here stays here, whatever our table says, so that routers whose tables
 * differ for a moment don't send packets in circles.
 */
static bool belongs_elsewhere(const struct worker *worker, const struct queued_packet *packet,
			      const struct fragment_key *key, uint32_t *fwmark)
{
	const struct fragment_options *options = &worker->fragments->options;
	const struct table *routers = options->routers;
	struct flow_key addresses = {0};
	struct table_pick pick;

	if (!routers || (packet->mark & routers->config.mask) == options->own)
		return false;
	memcpy(addresses.source, key->source, sizeof(key->source));
	memcpy(addresses.destination, key->destination, sizeof(key->destination));
	if (!table_pick(routers, murmur3_32(&addresses, sizeof(addresses), routers->config.seed), &pick))
		return false;
	*fwmark = (packet->mark & ~routers->config.mask) | pick.fwmark;
	return pick.fwmark != options->own;
}

static struct verdict answer_first(struct worker *worker, const struct queued_packet *packet,
				   const struct fragment_key *fragment)
{
	struct fragment_worker *fragments = worker->fragments;
	struct fragment_choice choice;
	struct flow_bytes transport;
	struct flow_key key;
	enum flow_kind kind = flow_first_fragment(packet->data, packet->captured, packet->length,
						  worker_needs_ports(worker), &key, &transport);

	kind = encap_open(worker->options->sctp_encap, kind, false, &key, &transport);
	if (kind == FLOW_MALFORMED || kind == FLOW_SHORT) {
		count(&worker->counters[COUNT_FRAGMENTS_MALFORMED], 1);
		return (struct verdict){.decision = NF_DROP};
	}
	choice = pick_choice(worker, kind, &key, &transport);
	fragments_first(fragments->table, fragment, &choice, fragments->now, give_back, worker);
	return pick_verdict(worker, &choice, packet);
}

struct verdict fragment_worker_answer(struct worker *worker, const struct queued_packet *packet)
{
	struct fragment_worker *fragments = worker->fragments;
	struct fragment_choice choice;
	struct fragment_key key;
	uint32_t fwmark;
	struct fragment_extent extent;
	struct verdict verdict;

	if (!flow_fragment(packet->data, packet->captured, packet->length, &key, &extent)) {
		count(&worker->counters[COUNT_FRAGMENTS_MALFORMED], 1);
		return (struct verdict){.decision = NF_DROP};
	}
	if (belongs_elsewhere(worker, packet, &key, &fwmark)) {
		count(&worker->counters[COUNT_FRAGMENTS_FORWARDED], 1);
		return (struct verdict){NF_ACCEPT, fwmark, true};
	}
	if (extent.from == 0)
		verdict = answer_first(worker, packet, &key);
	else if (fragments_later(fragments->table, &key, packet->data, packet->captured, fragments->now,
				 &choice))
		verdict = pick_verdict(worker, &choice, packet);
	else
		/* A copy is kept; it comes in again. */
		return (struct verdict){.decision = NF_DROP};
	if (fragments->options.reassembler)
		fragments_passed(fragments->table, &key, &extent);
	return verdict;
}
