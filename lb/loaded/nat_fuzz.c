// SPDX-License-Identifier: Apache-2.0
/* libFuzzer target: whatever a packet is, only its own bytes are touched, and its addresses are those that were set. */
#include <stdlib.h>
#include <string.h>

#include "nat.h"

static void require(bool condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t ip4[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 168, [14] = 1, [15] = 7};
	static const uint8_t ip6[16] = {0x10, [15] = 7};
	uint8_t *copy = malloc(size + 1);
	struct nat_packet packet, again;

	require(copy);
	memcpy(copy, data, size);
	if (nat_read(copy, (uint32_t)size, &packet)) {
		const uint8_t *address = packet.outer.version == 4 ? ip4 : ip6;

		require(packet.size <= size);
		nat_set(&packet, NAT_DESTINATION, address);
		if (packet.error) {
			nat_set_quoted(&packet, NAT_SOURCE, address);
			require(memcmp(packet.quoted.key.source, address, 16) == 0);
		}
		nat_set(&packet, NAT_SOURCE, address);
		require(nat_read(copy, (uint32_t)size, &again));
		require(memcmp(again.outer.key.destination, address, 16) == 0);
		require(memcmp(again.outer.key.source, address, 16) == 0);
		require(again.error == packet.error && again.fragment == packet.fragment);
		if (packet.error)
			require(memcmp(again.quoted.key.source, address, 16) == 0);
	}
	free(copy);
	return 0;
}
