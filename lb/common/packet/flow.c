// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
#include "packet/flow.h"

#include <stddef.h>
#ifndef __bpf__
#include <string.h>
#endif

#include "packet/bytes.h"
#include "packet/ip.h"

enum {
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_DCCP = 33,
	PROTO_UDPLITE = 136,
};

/* The ICMP types that matter. */
enum { ICMP4_ECHO_REPLY = 0, ICMP4_ECHO = 8, ICMP6_ECHO = 128, ICMP6_ECHO_REPLY = 129 };

enum { PORTS = 4, ICMP_HEADER = 8 };

FLOW_FUNCTION bool flow_protocol_has_ports(uint8_t protocol)
{
	return protocol == PROTO_TCP || protocol == PROTO_UDP || protocol == PROTO_SCTP ||
	       protocol == PROTO_UDPLITE || protocol == PROTO_DCCP;
}

static inline void swap_addresses(struct flow_key *key)
{
	uint8_t source[16];

	copy_bytes(source, key->source, 16);
	copy_bytes(key->source, key->destination, 16);
	copy_bytes(key->destination, source, 16);
}

/*
 * The ports of a quoted packet, source and destination exchanged. A quoted echo reply belongs to the echo
 * request that came in, whose identifier is the source port of its key.
 */
static inline bool read_quoted_ports(struct cursor *c, const struct ip *ip, struct flow_key *key)
{
	const uint8_t *h;

	key->protocol = ip->protocol;
	if (flow_protocol_has_ports(ip->protocol)) {
		if (!(h = cursor_pull(c, PORTS)))
			return false;
		copy_bytes(key->source_port, h + 2, 2);
		copy_bytes(key->destination_port, h, 2);
	} else if (ip_is_icmp(ip)) {
		if (!(h = cursor_pull(c, ICMP_HEADER)))
			return false;
		if (h[0] == (ip->version == 4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY))
			copy_bytes(key->source_port, h + 4, 2);
		else if (h[0] == (ip->version == 4 ? ICMP4_ECHO : ICMP6_ECHO))
			copy_bytes(key->destination_port, h + 4, 2);
	}
	return true;
}

/* An error concerns packets that the target sent, so the quoted packet is the flow backwards. */
static inline enum flow_kind parse_icmp_error(struct cursor *c, uint8_t version, bool ports,
					      struct flow_key *key)
{
	struct ip quoted;

	if (!ip_read(c, &quoted, key, true))
		return c->fault;
	if (quoted.version != version)
		return FLOW_MALFORMED;
	swap_addresses(key);
	if (!ports)
		return FLOW_ICMP_ERROR;
	if (!ip_skip_to_transport(c, &quoted))
		return c->fault;
	/* Only a datagram's first fragment has ports. */
	if (!quoted.fragment_offset && !read_quoted_ports(c, &quoted, key))
		return c->fault;
	return FLOW_ICMP_ERROR;
}

static inline enum flow_kind parse_icmp(struct cursor *c, const struct ip *ip, bool ports,
					struct flow_key *key)
{
	const uint8_t *h = cursor_pull(c, ICMP_HEADER);

	if (!h)
		return c->fault;
	if (ip_is_icmp_error(ip, h[0]))
		return parse_icmp_error(c, ip->version, ports, key);
	if (h[0] != (ip->version == 4 ? ICMP4_ECHO : ICMP6_ECHO))
		return FLOW_UNMATCHED;
	if (ports) {
		copy_bytes(key->source_port, h + 4, 2);
		key->protocol = ip->protocol;
	}
	return FLOW_ICMP_ECHO;
}

/* A packet that is neither a fragment nor ICMP. */
static inline enum flow_kind parse_ports(struct cursor *c, const struct ip *ip, bool ports,
					 struct flow_key *key)
{
	const bool has_ports = flow_protocol_has_ports(ip->protocol);

	if (ports) {
		if (has_ports) {
			const uint8_t *h = cursor_pull(c, PORTS);

			if (!h)
				return c->fault;
			copy_bytes(key->source_port, h, 2);
			copy_bytes(key->destination_port, h + 2, 2);
		}
		key->protocol = ip->protocol;
	}
	return has_ports ? FLOW_PORTS : FLOW_OTHER_PROTOCOL;
}

/* What the IP headers have led to. */
static inline enum flow_kind parse_payload(struct cursor *c, const struct ip *ip, bool ports,
					   struct flow_key *key)
{
	return ip_is_icmp(ip) ? parse_icmp(c, ip, ports, key) : parse_ports(c, ip, ports, key);
}

FLOW_FUNCTION enum flow_kind flow_parse(const uint8_t *data, uint32_t captured, uint32_t length, bool ports,
					struct flow_key *key)
{
	return flow_parse_until(data, data + captured, length, ports, key);
}

FLOW_FUNCTION enum flow_kind flow_parse_until(const uint8_t *data, const uint8_t *end, uint32_t length,
					      bool ports, struct flow_key *key)
{
	struct cursor c = cursor_over(data, end, length);
	struct ip ip;

	__builtin_memset(key, 0, sizeof(*key));
	if (!ip_read(&c, &ip, key, false) || !ip_skip_extensions(&c, &ip))
		return c.fault;
	return ip.fragment ? FLOW_FRAGMENT : parse_payload(&c, &ip, ports, key);
}

/* What follows keeps fragments and looks into payloads, which is left to user space. */
#ifndef __bpf__

static enum flow_kind parse_transport(struct cursor *c, const struct ip *ip, bool ports, struct flow_key *key,
				      struct flow_bytes *transport)
{
	const uint8_t *at = c->data + c->at;
	const uint32_t captured = c->end - at;
	enum flow_kind kind;

	*transport = (struct flow_bytes){at, captured < c->left ? captured : c->left};
	kind = parse_payload(c, ip, ports, key);
	if (kind == FLOW_ICMP_ERROR)
		*transport = (struct flow_bytes){0};
	return kind;
}

enum flow_kind flow_dissect(const uint8_t *data, uint32_t captured, uint32_t length, bool ports,
			    struct flow_key *key, struct flow_bytes *transport)
{
	struct cursor c = cursor_over(data, data + captured, length);
	struct ip ip;

	memset(key, 0, sizeof(*key));
	*transport = (struct flow_bytes){0};
	if (!ip_read(&c, &ip, key, false) || !ip_skip_extensions(&c, &ip))
		return c.fault;
	return ip.fragment ? FLOW_FRAGMENT : parse_transport(&c, &ip, ports, key, transport);
}

/* `left`: bytes that the fragment carries. Of an IPv6 packet its fragment header ends at `payload`. */
static struct fragment_extent extent_of(const uint8_t *data, const uint8_t *payload, const struct ip *ip,
					uint32_t left)
{
	const bool more = ip->version == 4 ? data[6] & 0x20 : payload[-5] & 1;
	const uint32_t to = ip->fragment_offset + (left + (more ? 0 : 7)) / 8;

	return (struct fragment_extent){ip->fragment_offset, to < UINT16_MAX ? to : UINT16_MAX, !more};
}

bool flow_fragment(const uint8_t *data, uint32_t captured, uint32_t length, struct fragment_key *key,
		   struct fragment_extent *extent)
{
	struct cursor c = cursor_over(data, data + captured, length);
	struct flow_key addresses = {0};
	struct ip ip;

	if (!ip_read(&c, &ip, &addresses, false) || !ip_skip_extensions(&c, &ip) || !ip.fragment)
		return false;
	*key = (struct fragment_key){.protocol = ip.version == 4 ? ip.protocol : 0};
	memcpy(key->source, addresses.source, 16);
	memcpy(key->destination, addresses.destination, 16);
	memcpy(key->id, ip.fragment_id, 4);
	*extent = extent_of(data, c.data + c.at, &ip, c.left);
	return true;
}

enum flow_kind flow_first_fragment(const uint8_t *data, uint32_t captured, uint32_t length, bool ports,
				   struct flow_key *key, struct flow_bytes *transport)
{
	struct cursor c = cursor_over(data, data + captured, length);
	struct ip ip;

	memset(key, 0, sizeof(*key));
	if (!ip_read(&c, &ip, key, false) || !ip_skip_to_transport(&c, &ip))
		return c.fault;
	return parse_transport(&c, &ip, ports, key, transport);
}

#endif
