// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
#include "packet/ip.h"

#include <stddef.h>

#include "packet/bytes.h"

enum {
	PROTO_HOP_BY_HOP = 0,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_AH = 51,
	PROTO_DESTINATION_OPTIONS = 60,
	PROTO_MOBILITY = 135,
	PROTO_HIP = 139,
	PROTO_SHIM6 = 140,
};

enum { PROTO_ICMP = 1, PROTO_ICMPV6 = 58 };

enum { IP4_HEADER = 20, IP6_HEADER = 40 };

#ifdef __bpf__
/*
 * The kernel's verifier walks every path through the extension headers, and their number doubles with each,
 * unless all paths look the same to it when they meet. So it is made to forget what it knows of a number:
 * what is changed twice by something unknown is as before, but it cannot tell.
 */
#define forget(c, number)                                                                                    \
	({                                                                                                   \
		uint64_t number_ = (number);                                                                 \
		__asm__ volatile("%0 ^= %1\n%0 ^= %1" : "+r"(number_) : "r"((c)->noise));                    \
		number_;                                                                                     \
	})
/* It follows offsets of up to 64 KiB, and no real packet's headers reach this far. */
#define REACH 4095
#else
#define forget(c, number) (number)
#define REACH UINT32_MAX
#endif

FLOW_FUNCTION bool ip_is_icmp(const struct ip *ip)
{
	return ip->protocol == (ip->version == 4 ? PROTO_ICMP : PROTO_ICMPV6);
}

FLOW_FUNCTION bool ip_is_icmp_error(const struct ip *ip, uint8_t type)
{
	if (ip->version == 6)
		return type >= 1 && type <= 4;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

FLOW_FUNCTION struct cursor cursor_over(const uint8_t *data, const uint8_t *end, uint32_t length)
{
	struct cursor c = {.data = data, .end = end, .left = length};

#ifdef __bpf__
	__asm__ volatile("" : "+r"(data));
	c.noise = end - data;
#endif
	return c;
}

/* The next n bytes without moving on, or NULL with the fault noted. */
static inline const uint8_t *look(struct cursor *c, uint32_t n)
{
	const uint8_t *at = c->data + c->at;

	if (n <= c->left && c->at <= REACH && at + n <= c->end)
		return at;
	c->fault = n > c->left ? FLOW_MALFORMED : FLOW_SHORT;
	return NULL;
}

FLOW_FUNCTION const uint8_t *cursor_pull(struct cursor *c, uint32_t n)
{
	const uint8_t *at = look(c, n);

	if (at) {
		c->at = forget(c, c->at + n) & (2 * REACH + 1);
		c->left = forget(c, c->left - n);
	}
	return at;
}

static inline bool malformed(struct cursor *c)
{
	c->fault = FLOW_MALFORMED;
	return false;
}

static inline void map_ip4(uint8_t to[16], const uint8_t *from)
{
	__builtin_memset(to, 0, 10);
	__builtin_memset(to + 10, 0xff, 2);
	copy_bytes(to + 12, from, 4);
}

/*
 * Ends the cursor where the IP header says the packet ends, so that padding is never read as payload. A
 * packet quoted in an ICMP error is cut short by right. Length 0 is how a GSO packet of more than 64 KiB (BIG
 * TCP) looks.
 */
static inline bool limit(struct cursor *c, uint32_t declared, uint32_t header, bool quoted)
{
	if (declared == 0 && c->left > UINT16_MAX)
		return true;
	if (declared < header || (declared > c->left && !quoted))
		return false;
	if (c->left > declared)
		c->left = declared;
	return true;
}

static inline bool read_ip4(struct cursor *c, struct ip *ip, struct flow_key *key, bool quoted)
{
	const uint8_t *h = look(c, IP4_HEADER);
	uint32_t header;

	if (!h)
		return false;
	header = (h[0] & 15) * 4;
	if (header < IP4_HEADER || !limit(c, load_be16(h + 2), header, quoted))
		return malformed(c);
	if (!cursor_pull(c, header))
		return false;
	ip->protocol = h[9];
	ip->fragment = load_be16(h + 6) & 0x3fff; /* more fragments, or an offset */
	ip->fragment_offset = load_be16(h + 6) & 0x1fff;
	ip->fragment_id[0] = ip->fragment_id[1] = 0;
	copy_bytes(ip->fragment_id + 2, h + 4, 2);
	map_ip4(key->source, h + 12);
	map_ip4(key->destination, h + 16);
	return true;
}

static inline bool read_ip6(struct cursor *c, struct ip *ip, struct flow_key *key, bool quoted)
{
	const uint8_t *h = cursor_pull(c, IP6_HEADER);

	if (!h)
		return false;
	if (!limit(c, load_be16(h + 4), 0, quoted))
		return malformed(c);
	ip->protocol = h[6];
	ip->fragment = false;
	ip->fragment_offset = 0;
	copy_bytes(key->source, h + 8, 16);
	copy_bytes(key->destination, h + 24, 16);
	return true;
}

/* Reads the IP header (for IPv6 the fixed part) and the addresses into key. */
FLOW_FUNCTION bool ip_read(struct cursor *c, struct ip *ip, struct flow_key *key, bool quoted)
{
	const uint8_t *first = look(c, 1);

	if (!first)
		return false;
	ip->version = first[0] >> 4;
	if (ip->version == 4)
		return read_ip4(c, ip, key, quoted);
	if (ip->version == 6)
		return read_ip6(c, ip, key, quoted);
	return malformed(c);
}

/* Bytes of an extension header; 0 when the protocol is not one. ESP and "no next header" end the walk. */
static inline uint32_t extension_length(uint8_t protocol, const uint8_t *h)
{
	switch (protocol) {
	case PROTO_FRAGMENT:
		return 8;
	case PROTO_AH:
		return (h[1] + 2u) * 4;
	case PROTO_HOP_BY_HOP:
	case PROTO_ROUTING:
	case PROTO_DESTINATION_OPTIONS:
	case PROTO_MOBILITY:
	case PROTO_HIP:
	case PROTO_SHIM6:
		return (h[1] + 1u) * 8;
	default:
		return 0;
	}
}

static inline bool is_extension(uint8_t protocol)
{
	static const uint8_t any[2];

	return extension_length(protocol, any) != 0;
}

FLOW_FUNCTION bool ip_skip_extensions(struct cursor *c, struct ip *ip)
{
	if (ip->version != 6)
		return true;
	for (int i = 0; i < FLOW_EXTENSIONS_MAX && is_extension(ip->protocol); i++) {
		const uint8_t *h = look(c, 8); /* no extension header is shorter */

		if (!h || !cursor_pull(c, extension_length(ip->protocol, h)))
			return false;
		/* Offset 0 and no more fragments is an atomic fragment: a whole packet (RFC 6946). */
		if (ip->protocol == PROTO_FRAGMENT && load_be16(h + 2) & 0xfff9) {
			ip->fragment = true;
			ip->fragment_offset = load_be16(h + 2) >> 3;
			copy_bytes(ip->fragment_id, h + 4, 4);
			ip->protocol = h[0];
			return true;
		}
		ip->protocol = h[0];
	}
	return is_extension(ip->protocol) ? malformed(c) : true;
}

FLOW_FUNCTION bool ip_skip_to_transport(struct cursor *c, struct ip *ip)
{
	if (!ip_skip_extensions(c, ip))
		return false;
	if (ip->version == 4 || !ip->fragment || ip->fragment_offset)
		return true;
	ip->fragment = false;
	if (!ip_skip_extensions(c, ip))
		return false;
	if (ip->fragment)
		return malformed(c);
	ip->fragment = true;
	return true;
}
