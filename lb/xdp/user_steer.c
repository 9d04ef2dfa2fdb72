// SPDX-License-Identifier: Apache-2.0
#include "user_steer.h"

#include <stdlib.h>
#include <string.h>

#include "table/hash.h"
#include "util/counter.h"

void user_set_mac(struct user_table *table, uint32_t index, const uint8_t mac[6])
{
	uint64_t word = 0;

	memcpy(&word, mac, 6);
	__atomic_store_n(&table->macs[index], word, __ATOMIC_RELAXED);
}

static bool pick(const struct user_table *table, const struct flow_key *key, uint32_t *index)
{
	const uint32_t hash = table->config->random ? (uint32_t)random()
						    : murmur3_32(key, sizeof(*key), table->config->seed);
	struct table_pick found;

	if (!table_pick(table->table, hash, &found))
		return false;
	*index = found.index;
	return true;
}

enum steer_verdict user_steer(const struct user_table *table, uint8_t *frame, uint32_t length,
			      struct user_counters *counters)
{
	const uint8_t *end = frame + length;
	struct flow_key key;
	const unsigned outcome = steer_classify(table->config, frame, end, length, &key);
	uint32_t index;
	uint64_t mac;

	count(&counters->count[outcome], 1);
	if (!flow_has_key(outcome))
		return steer_verdict(outcome);
	if (!pick(table, &key, &index)) {
		count(&counters->count[STEER_NO_TARGET], 1);
		return STEER_DROP;
	}
	mac = __atomic_load_n(&table->macs[index], __ATOMIC_RELAXED);
	steer_rewrite(table->config, frame, end, (const uint8_t *)&mac);
	count(&counters->count[STEER_BYTES], length);
	count(&counters->picked[index], 1);
	return STEER_FORWARD;
}
