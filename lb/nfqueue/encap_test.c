// SPDX-License-Identifier: Apache-2.0
#include "encap.h"

#include <string.h>

#include "util/check.h"

enum { PORT = 9899 };

/* UDP from 9899 to 9899, and SCTP from 0x1234 to 5003 in it. */
static const uint8_t datagram[] = {0x26, 0xab, 0x26, 0xab, 0, 24, 0, 0, 0x12, 0x34, 0x13, 0x8b, 1, 2, 3, 4};

struct opened {
	enum flow_kind kind;
	struct flow_key key;
	struct flow_bytes transport;
};

static struct opened open_it(uint32_t port, uint8_t protocol, uint32_t size, bool cut)
{
	struct opened o = {FLOW_PORTS, {.protocol = protocol}, {datagram, size}};

	memcpy(o.key.source_port, datagram, 2);
	memcpy(o.key.destination_port, datagram + 2, 2);
	o.kind = encap_open(port, o.kind, cut, &o.key, &o.transport);
	return o;
}

int main(void)
{
	struct opened o = open_it(PORT, 17, sizeof(datagram), false);
	struct flow_key key = {.protocol = 17};
	struct flow_bytes none = {0};

	CHECK(o.kind == FLOW_PORTS && o.key.protocol == PROTO_SCTP && o.transport.at == datagram + 8 && o.transport.size == 8);
	CHECK(!memcmp(o.key.source_port, datagram + 8, 2) && !memcmp(o.key.destination_port, datagram + 10, 2));
	/* Another port, another protocol, or nobody asked. */
	CHECK(open_it(PORT + 1, 17, sizeof(datagram), false).key.protocol == 17);
	CHECK(open_it(PORT, 6, sizeof(datagram), false).key.protocol == 6);
	CHECK(open_it(0, 17, sizeof(datagram), false).key.protocol == 17);
	/* Without its ports: a whole packet is UDP's, of another the rest is asked for. */
	o = open_it(PORT, 17, 11, false);
	CHECK(o.kind == FLOW_PORTS && o.key.protocol == 17);
	CHECK(open_it(PORT, 17, 11, true).kind == FLOW_SHORT);
	CHECK(open_it(PORT, 17, 12, true).key.protocol == PROTO_SCTP);
	key.destination_port[0] = datagram[2];
	key.destination_port[1] = datagram[3];
	CHECK(encap_open(PORT, FLOW_PORTS, false, &key, &none) == FLOW_PORTS && key.protocol == 17);
	CHECK(encap_open(PORT, FLOW_ICMP_ERROR, false, &key, &none) == FLOW_ICMP_ERROR && key.protocol == 17);
	return check_report("encap");
}
