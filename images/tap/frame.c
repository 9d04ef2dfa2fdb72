// SPDX-License-Identifier: Apache-2.0
#include "frame.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "packet/bytes.h"
#include "packet/flow.h"

#define ETHERNET 14
#define IPV4 0x0800
#define IPV6 0x86dd
#define IPV6_HEADER 40
#define TCP_HEADER 20

enum { PROTOCOL_IPIP = 4, PROTOCOL_TCP = 6, PROTOCOL_IPV6 = 41 };
enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

bool network_parse(const char *text, struct network *network)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	uint8_t v4[4];
	char *end;
	unsigned long bits;

	if (!slash || (size_t)(slash - text) >= sizeof(address))
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	bits = strtoul(slash + 1, &end, 10);
	if (end == slash + 1 || *end)
		return false;
	if (inet_pton(AF_INET, address, v4) == 1) {
		memset(network->address, 0, 10);
		memset(network->address + 10, 0xff, 2);
		memcpy(network->address + 12, v4, 4);
		network->bits = 96 + (uint32_t)bits;
		return bits <= 32;
	}
	network->bits = (uint32_t)bits;
	return bits <= 128 && inet_pton(AF_INET6, address, network->address) == 1;
}

bool networks_add(const char *text, void *networks)
{
	struct networks *all = networks;

	return all->n < NETWORKS_MAX && network_parse(text, &all->of[all->n]) && ++all->n > 0;
}

static bool is_in(const uint8_t address[16], const struct network *network)
{
	const uint32_t whole = network->bits / 8, rest = network->bits % 8;

	if (memcmp(address, network->address, whole) != 0)
		return false;
	return rest == 0 || (address[whole] ^ network->address[whole]) >> (8 - rest) == 0;
}

static bool is_client(const uint8_t address[16], const struct networks *clients)
{
	for (uint32_t i = 0; i < clients->n; i++)
		if (is_in(address, &clients->of[i]))
			return true;
	return false;
}

/* Where the inner packet of a tunnel begins; 0: it is none. */
static uint32_t tunnel_header(const uint8_t *ip, uint32_t captured)
{
	uint8_t protocol;

	if (captured < 20)
		return 0;
	protocol = ip[0] >> 4 == 4 ? ip[9] : ip[6];
	if (protocol != PROTOCOL_IPIP && protocol != PROTOCOL_IPV6)
		return 0;
	return ip[0] >> 4 == 4 ? (ip[0] & 15) * 4U : IPV6_HEADER;
}

/* What of a client's or server's TCP header is a sign. */
static void read_tcp(const struct flow_bytes *tcp, uint32_t payload, bool from_client, struct frame *frame)
{
	uint8_t flags;
	uint32_t header;

	if (!tcp->at || tcp->size < TCP_HEADER)
		return;
	flags = tcp->at[13];
	header = (tcp->at[12] >> 4) * 4U;
	if (flags & TCP_RST) {
		/* With ACK: the client's program ended its connection, and nothing that it received was the reason. */
		frame->sign = from_client && flags & TCP_ACK ? FRAME_NONE : FRAME_RESET;
		return;
	}
	frame->sequence = load_be16(tcp->at + 4) << 16 | load_be16(tcp->at + 6);
	frame->taken = (payload > header ? payload - header : 0) + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
	frame->begins = flags & TCP_SYN;
	if (from_client && frame->taken > 0)
		frame->sign = FRAME_REQUEST;
}

bool frame_read(const uint8_t *data, uint32_t captured, uint32_t length, const struct networks *clients,
		struct frame *frame)
{
	struct flow_bytes transport = {0};
	struct flow_key key;
	enum flow_kind kind;
	uint32_t at = ETHERNET, type, inner;
	bool from_client;

	if (captured < ETHERNET)
		return false;
	type = load_be16(data + 12);
	if (type != IPV4 && type != IPV6)
		return false;
	inner = tunnel_header(data + at, captured - at);
	if (at + inner >= captured)
		return false;
	at += inner;
	kind = flow_dissect(data + at, captured - at, length - at, true, &key, &transport);
	if (kind != FLOW_PORTS && kind != FLOW_ICMP_ERROR)
		return false;
	from_client = is_client(key.source, clients);
	if (!from_client && !is_client(key.destination, clients))
		return false;
	memset(frame, 0, sizeof(*frame));
	memcpy(frame->client.address, from_client ? key.source : key.destination, 16);
	memcpy(frame->client.port, from_client ? key.source_port : key.destination_port, 2);
	frame->client.protocol = key.protocol;
	if (kind == FLOW_ICMP_ERROR)
		frame->sign = FRAME_ERROR;
	else if (key.protocol == PROTOCOL_TCP)
		read_tcp(&transport, length - (uint32_t)(transport.at - data), from_client, frame);
	return true;
}
