// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target of the fragment table, against a model that remembers everything. Each 4 bytes of input
 * are one step: what happens, to which datagram, and how much time passes.
 */
#include <stdlib.h>
#include <string.h>

#include "packet/fragments.h"

#define IDS 16
#define STEPS_MAX 4096

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* What waits for its first fragment, by serial number; a table may have lost some, but keeps their order. */
struct model {
	uint32_t waiting[IDS][STEPS_MAX];
	uint32_t length[IDS];
	uint32_t hash[IDS];
	bool known[IDS];
	uint32_t id, from; /* being given back */
};

static void take_back(void *context, const uint8_t *data, uint32_t size)
{
	struct model *m = context;
	uint32_t serial;

	require(size >= 4);
	memcpy(&serial, data, 4);
	while (m->from < m->length[m->id] && m->waiting[m->id][m->from] != serial)
		m->from++;
	require(m->from++ < m->length[m->id]); /* was stored for this datagram, and after the one before */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model m;
	static uint8_t packet[4096];
	struct fragment_limits limits = {.datagrams = 1, .bytes = 64, .ttl_ns = 1000};
	struct fragments *f;
	uint64_t now = 0, sum = 0;

	if (size < 2)
		return 0;
	limits.datagrams += data[0] % 20;
	limits.bytes += data[1] * 64u;
	memset(&m, 0, sizeof(m));
	f = fragments_new(&limits, 0);
	for (size_t i = 2; i + 4 <= size && i < STEPS_MAX; i += 4) {
		const uint32_t id = data[i + 1] % IDS, serial = i, length = 4 + data[i + 2] * 8u;
		const struct fragment_key key = {.id = {id}};
		struct fragment_choice choice = {.hash = serial};

		now += data[i + 3] * 4u;
		fragments_expire(f, now);
		memcpy(packet, &serial, 4);
		if (data[i] & 1) {
			m.id = id;
			m.from = 0;
			fragments_first(f, &key, &choice, now, take_back, &m);
			m.known[id] = true;
			m.hash[id] = serial;
			m.length[id] = 0;
		} else if (fragments_later(f, &key, packet, length, now, &choice)) {
			require(m.known[id] && choice.hash == m.hash[id]);
			fragments_passed(f, &key,
					 &(struct fragment_extent){
						 data[i] / 16, data[i] / 16 + data[i + 2] % 8, data[i] & 2});
		} else {
			m.waiting[id][m.length[id]++] = serial;
		}
		require(fragments_bytes(f) <= limits.bytes);
	}
	fragments_expire(f, now + limits.ttl_ns + 1);
	require(fragments_bytes(f) == 0);
	for (int i = FRAGMENTS_REINJECTED; i <= FRAGMENTS_REFUSED; i++)
		sum += fragments_counts(f)[i];
	require(sum >= fragments_counts(f)[FRAGMENTS_STORED]);
	require(fragments_counts(f)[FRAGMENTS_WAITING] == 0);
	fragments_free(f);
	return 0;
}
