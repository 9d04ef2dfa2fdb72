// SPDX-License-Identifier: Apache-2.0
#include "nat.h"

#include <string.h>

#include "packet/bytes.h"
#include "packet/ip.h"

enum { PROTO_TCP = 6, PROTO_UDP = 17, PROTO_DCCP = 33, PROTO_ICMPV6 = 58, PROTO_UDPLITE = 136 };

enum { PORTS = 4, ICMP_HEADER = 8, ICMP_CHECKSUM = 2, IP4_CHECKSUM = 10 };

/* Where a header of this protocol has the checksum that covers the addresses; 0: nowhere. */
static uint32_t checksum_at(uint8_t version, uint8_t protocol)
{
	switch (protocol) {
	case PROTO_TCP:
		return 16;
	case PROTO_UDP:
	case PROTO_UDPLITE:
	case PROTO_DCCP:
		return 6;
	case PROTO_ICMPV6:
		return version == 6 ? ICMP_CHECKSUM : 0;
	default:
		return 0;
	}
}

/* Up to the transport header, and the ports behind it. */
static bool read_headers(struct cursor *c, struct ip *ip, struct nat_headers *headers, bool quoted)
{
	const uint8_t *ports;

	headers->ip = c->at;
	if (!ip_read(c, ip, &headers->key, quoted))
		return false;
	headers->version = ip->version;
	/* A quote may end anywhere. */
	if (!ip_skip_to_transport(c, ip))
		return quoted;
	headers->protocol = ip->protocol;
	if (ip->fragment && ip->fragment_offset)
		return true;
	headers->transport = c->at;
	if (!flow_protocol_has_ports(ip->protocol))
		return true;
	ports = cursor_pull(c, PORTS);
	if (!ports) {
		headers->transport = 0;
		return quoted;
	}
	memcpy(headers->key.source_port, ports, 2);
	memcpy(headers->key.destination_port, ports + 2, 2);
	return true;
}

/* Whether the packet's own transport header is there as far as its checksum. */
static bool has_checksum(const struct nat_packet *packet)
{
	const struct nat_headers *h = &packet->outer;
	const uint32_t at = checksum_at(h->version, h->protocol);

	return !h->transport || !at || h->transport + at + 2 <= packet->size;
}

bool nat_read(uint8_t *data, uint32_t size, struct nat_packet *packet)
{
	struct cursor c = cursor_over(data, data + size, size);
	struct ip ip = {0}, quoted = {0};
	const uint8_t *icmp;

	*packet = (struct nat_packet){.data = data, .size = size};
	if (!read_headers(&c, &ip, &packet->outer, false) || !has_checksum(packet))
		return false;
	packet->fragment = ip.fragment;
	/* What lies behind the end that the length field gives is no part of the packet. */
	if (c.at + c.left < size)
		packet->size = c.at + c.left;
	if (ip.fragment || !ip_is_icmp(&ip))
		return true;
	icmp = cursor_pull(&c, ICMP_HEADER);
	if (!icmp)
		return false;
	packet->error = ip_is_icmp_error(&ip, icmp[0]);
	if (!packet->error)
		return true;
	return read_headers(&c, &quoted, &packet->quoted, true) && quoted.version == ip.version;
}

/* The sum of 16-bit words, the last one filled up with zero, not yet folded. */
static uint64_t sum_words(const uint8_t *at, uint32_t n)
{
	uint64_t sum = 0;

	for (; n >= 2; n -= 2, at += 2)
		sum += load_be16(at);
	return n ? sum + ((uint32_t)*at << 8) : sum;
}

/* RFC 1624: what a checksum becomes when words of the sum `old` turn into words of the sum `now`. */
static void update(uint8_t *checksum, uint64_t old, uint64_t now, bool zero_means_none)
{
	uint64_t sum;
	uint32_t result;

	if (zero_means_none && load_be16(checksum) == 0)
		return;
	/* The difference is kept positive by a multiple of 0xffff, which is nothing in this arithmetic. */
	sum = (uint16_t)~load_be16(checksum) + now + (old / 0xffff + 1) * 0xffff - old;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	result = (uint16_t)~sum;
	if (zero_means_none && result == 0)
		result = 0xffff;
	checksum[0] = (uint8_t)(result >> 8);
	checksum[1] = (uint8_t)result;
}

/* One address of these headers, their IPv4 checksum, and that of the transport header as far as it is there. */
static void set(const struct nat_packet *packet, struct nat_headers *h, enum nat_address which,
		const uint8_t address[16])
{
	const uint32_t length = h->version == 4 ? 4 : 16;
	const uint32_t first = h->version == 4 ? 12 : 8;
	uint8_t *at = packet->data + h->ip + first + (which == NAT_DESTINATION ? length : 0);
	const uint8_t *from = address + 16 - length;
	const uint64_t old = sum_words(at, length), now = sum_words(from, length);
	const uint32_t checksum = checksum_at(h->version, h->protocol);

	memcpy(which == NAT_SOURCE ? h->key.source : h->key.destination, address, 16);
	memcpy(at, from, length);
	if (h->version == 4)
		update(packet->data + h->ip + IP4_CHECKSUM, old, now, false);
	if (h->transport && checksum && h->transport + checksum + 2 <= packet->size)
		update(packet->data + h->transport + checksum, old, now,
		       h->protocol == PROTO_UDP && h->version == 4);
}

void nat_set(struct nat_packet *packet, enum nat_address which, const uint8_t address[16])
{
	set(packet, &packet->outer, which, address);
}

/* The quote lies in what the error's own checksum covers. */
void nat_set_quoted(struct nat_packet *packet, enum nat_address which, const uint8_t address[16])
{
	const uint8_t *quote = packet->data + packet->quoted.ip;
	const uint32_t size = packet->size - packet->quoted.ip;
	const uint64_t old = sum_words(quote, size);

	set(packet, &packet->quoted, which, address);
	update(packet->data + packet->outer.transport + ICMP_CHECKSUM, old, sum_words(quote, size), false);
}
