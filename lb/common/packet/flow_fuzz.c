// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target of the packet parser. The first byte of the input says whether ports are hashed, the
 * second how many times 16 bytes the packet was longer than its copy.
 */
#include <stdlib.h>
#include <string.h>

#include "packet/flow.h"

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_key(const struct flow_key *key, enum flow_kind kind, bool ports)
{
	static const uint8_t zero[8];

	require(memcmp(key->zero, zero, sizeof(key->zero)) == 0);
	if (!ports || kind == FLOW_FRAGMENT)
		require(memcmp(key->source_port, zero, 5) == 0);
	else if (kind == FLOW_PORTS)
		require(flow_protocol_has_ports(key->protocol));
	else if (kind == FLOW_ICMP_ECHO)
		require(memcmp(key->destination_port, zero, 2) == 0);
	else if (kind == FLOW_OTHER_PROTOCOL)
		require(memcmp(key->source_port, zero, 4) == 0);
}

/* What is no fragment is read the same way by everybody; what is one has an identity. */
static void check_fragment(const uint8_t *data, uint32_t captured, uint32_t length, enum flow_kind kind)
{
	struct flow_key whole, key;
	struct flow_bytes transport = {0};
	struct fragment_key fragment;
	enum flow_kind first_kind;
	struct fragment_extent extent;

	require(flow_fragment(data, captured, length, &fragment, &extent) == (kind == FLOW_FRAGMENT));
	if (kind == FLOW_FRAGMENT)
		require(extent.from <= extent.to);
	first_kind = flow_first_fragment(data, captured, length, true, &key, &transport);
	require(first_kind != FLOW_FRAGMENT && first_kind < FLOW_KINDS);
	if (transport.at)
		require(transport.at >= data && transport.at + transport.size <= data + captured);
	if (kind == FLOW_FRAGMENT)
		return;
	require(first_kind == flow_parse(data, captured, length, true, &whole));
	require(memcmp(&key, &whole, sizeof(key)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct flow_key key, other;
	enum flow_kind kind, addresses;
	uint32_t length;
	bool ports;

	if (size < 2)
		return 0;
	ports = data[0] & 1;
	length = size - 2 + data[1] * 16u;
	kind = flow_parse(data + 2, size - 2, length, ports, &key);
	require(kind < FLOW_KINDS && (kind != FLOW_SHORT || data[1]));
	if (flow_has_key(kind))
		check_key(&key, kind, ports);
	/* Without ports less is needed, so the kind may only change from a fault to something. */
	addresses = flow_parse(data + 2, size - 2, length, false, &other);
	if (flow_has_key(kind)) {
		require(addresses == kind);
		require(memcmp(key.source, other.source, 32) == 0);
	}
	check_fragment(data + 2, size - 2, length, flow_parse(data + 2, size - 2, length, true, &other));
	return 0;
}
