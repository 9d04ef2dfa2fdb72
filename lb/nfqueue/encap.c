// SPDX-License-Identifier: Apache-2.0
#include "encap.h"

#include <string.h>

#include "packet/bytes.h"

enum { PROTO_UDP = 17, UDP_HEADER = 8, PORTS = 4 };

enum flow_kind encap_open(uint32_t port, enum flow_kind kind, bool cut, struct flow_key *key,
			  struct flow_bytes *transport)
{
	if (!port || kind != FLOW_PORTS || key->protocol != PROTO_UDP || load_be16(key->destination_port) != port)
		return kind;
	if (!transport->at || transport->size < UDP_HEADER + PORTS)
		return cut ? FLOW_SHORT : kind;
	transport->at += UDP_HEADER;
	transport->size -= UDP_HEADER;
	key->protocol = PROTO_SCTP;
	memcpy(key->source_port, transport->at, 2);
	memcpy(key->destination_port, transport->at + 2, 2);
	return kind;
}
