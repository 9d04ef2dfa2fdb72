// SPDX-License-Identifier: Apache-2.0
/* The conntrack entries that are asked for: read back from the message as the kernel reads it, attribute by
 * attribute. */
#include "remember.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "util/check.h"

#define SYN 0x02
#define RST 0x04
#define ACK 0x10

struct packet {
	uint8_t bytes[128];
	uint32_t size;
};

/* 50.0.0.1:0x1234 -> 10.0.0.2:0x5678, with so many bytes of IPv4 options. */
static struct packet v4(uint8_t protocol, uint8_t flags, uint32_t options)
{
	const uint32_t header = 20 + options;
	struct packet p = {.bytes = {0x40 | header / 4}, .size = header + 20};

	p.bytes[9] = protocol;
	memcpy(p.bytes + 12, "\x32\0\0\1\x0a\0\0\2", 8);
	memset(p.bytes + 20, 1, options);
	memcpy(p.bytes + header, "\x12\x34\x56\x78", 4);
	p.bytes[header + 13] = flags;
	return p;
}

/* The same of 2000::1 and 1000::2, behind so many bytes of destination options. */
static struct packet v6(uint8_t flags, uint32_t options)
{
	struct packet p = {.bytes = {0x60}, .size = 60 + options};

	p.bytes[6] = options ? IPPROTO_DSTOPTS : IPPROTO_TCP;
	p.bytes[8] = 0x20, p.bytes[23] = 1, p.bytes[24] = 0x10, p.bytes[39] = 2;
	p.bytes[40] = options ? IPPROTO_TCP : 0;
	memcpy(p.bytes + 40 + options, "\x12\x34\x56\x78", 4);
	p.bytes[40 + options + 13] = flags;
	return p;
}

/* The attribute of this type among those of `size` bytes; NULL when there is none, or what stands there is no
 * attribute. */
static const struct nlattr *find(const void *at, uint32_t size, uint16_t type)
{
	while (size >= NLA_HDRLEN) {
		const struct nlattr *a = at;

		if (a->nla_len < NLA_HDRLEN || a->nla_len > size)
			return NULL;
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a;
		if ((uint32_t)NLA_ALIGN(a->nla_len) >= size)
			return NULL;
		at = (const uint8_t *)at + NLA_ALIGN(a->nla_len);
		size -= NLA_ALIGN(a->nla_len);
	}
	return NULL;
}

/* What is below a nest, by the types on the way to it. */
static const struct nlattr *below(const struct nlmsghdr *message, const uint16_t *path, int n)
{
	const uint8_t *at = (const uint8_t *)NLMSG_DATA(message) + NLMSG_ALIGN(sizeof(struct nfgenmsg));
	uint32_t size = message->nlmsg_len - NLMSG_LENGTH(sizeof(struct nfgenmsg));
	const struct nlattr *found = NULL;

	for (int i = 0; i < n; i++) {
		found = find(at, size, path[i]);
		if (!found)
			return NULL;
		if (i < n - 1)
			CHECK(found->nla_type & NLA_F_NESTED, "the kernel refuses nest %d without its flag",
			      path[i]);
		at = (const uint8_t *)found + NLA_HDRLEN;
		size = found->nla_len - NLA_HDRLEN;
	}
	return found;
}

static void expect(const struct nlmsghdr *message, const char *value, uint16_t size, const uint16_t *path,
		   int n)
{
	const struct nlattr *found = below(message, path, n);

	CHECK(found && found->nla_len == NLA_HDRLEN + size && memcmp(found + 1, value, size) == 0,
	      "attribute %u/%u/%u", path[0], n > 1 ? path[1] : 0, n > 2 ? path[2] : 0);
}

#define EXPECT(message, value, size, ...)                                                                    \
	expect(message, value, size, (const uint16_t[]){__VA_ARGS__},                                        \
	       sizeof((const uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t))

/* The buffer has exactly the promised size, so that the sanitizers see a message that is longer. */
static size_t remembered(const struct packet *p, uint32_t captured, struct nlmsghdr **message)
{
	uint8_t *copy = malloc(captured ? captured : 1);
	size_t size;

	*message = malloc(REMEMBER_SIZE);
	memset(*message, 0xee, REMEMBER_SIZE);
	memcpy(copy, p->bytes, captured);
	size = remember_connection(*message, copy, captured, 0x01020304);
	free(copy);
	return size;
}

static void check_message(const struct packet *p, uint8_t family, const char *source, const char *destination,
			  uint16_t address)
{
	const bool is4 = family == AF_INET;
	const uint16_t src = is4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, dst = is4 ? CTA_IP_V4_DST : CTA_IP_V6_DST;
	const char established = TCP_CONNTRACK_ESTABLISHED, tcp = IPPROTO_TCP;
	struct nlmsghdr *m;
	const size_t size = remembered(p, p->size, &m);
	const struct nfgenmsg *generic = NLMSG_DATA(m);

	CHECK(size == m->nlmsg_len && size <= REMEMBER_SIZE && size % 4 == 0, "%zu bytes, header says %u",
	      size, m->nlmsg_len);
	CHECK(m->nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW), "type %u", m->nlmsg_type);
	/* Without NLM_F_EXCL an entry that is there is brought up to date; without NLM_F_ACK nothing is read
	 * back. */
	CHECK(m->nlmsg_flags == (NLM_F_REQUEST | NLM_F_CREATE), "flags %u", m->nlmsg_flags);
	CHECK(generic->nfgen_family == family, "family %u", generic->nfgen_family);
	EXPECT(m, source, address, CTA_TUPLE_ORIG, CTA_TUPLE_IP, src);
	EXPECT(m, destination, address, CTA_TUPLE_ORIG, CTA_TUPLE_IP, dst);
	EXPECT(m, &tcp, 1, CTA_TUPLE_ORIG, CTA_TUPLE_PROTO, CTA_PROTO_NUM);
	EXPECT(m, "\x12\x34", 2, CTA_TUPLE_ORIG, CTA_TUPLE_PROTO, CTA_PROTO_SRC_PORT);
	EXPECT(m, "\x56\x78", 2, CTA_TUPLE_ORIG, CTA_TUPLE_PROTO, CTA_PROTO_DST_PORT);
	EXPECT(m, destination, address, CTA_TUPLE_REPLY, CTA_TUPLE_IP, src);
	EXPECT(m, source, address, CTA_TUPLE_REPLY, CTA_TUPLE_IP, dst);
	EXPECT(m, &tcp, 1, CTA_TUPLE_REPLY, CTA_TUPLE_PROTO, CTA_PROTO_NUM);
	EXPECT(m, "\x56\x78", 2, CTA_TUPLE_REPLY, CTA_TUPLE_PROTO, CTA_PROTO_SRC_PORT);
	EXPECT(m, "\x12\x34", 2, CTA_TUPLE_REPLY, CTA_TUPLE_PROTO, CTA_PROTO_DST_PORT);
	EXPECT(m, "\1\2\3\4", 4, CTA_MARK);
	EXPECT(m, &established, 1, CTA_PROTOINFO, CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE);
	CHECK(below(m, (const uint16_t[]){CTA_TIMEOUT}, 1), "a new entry without a time limit is refused");
	free(m);
}

static bool is_remembered(const struct packet *p, uint32_t captured)
{
	struct nlmsghdr *message;
	const size_t size = remembered(p, captured, &message);

	free(message);
	return size > 0;
}

static void writes_both_directions(void)
{
	const struct packet plain = v4(IPPROTO_TCP, SYN, 0), options = v4(IPPROTO_TCP, ACK, 40),
			    six = v6(SYN, 0);
	static const char source6[16] = {0x20, [15] = 1}, destination6[16] = {0x10, [15] = 2};

	check_message(&plain, AF_INET, "\x32\0\0\1", "\x0a\0\0\2", 4);
	check_message(&options, AF_INET, "\x32\0\0\1", "\x0a\0\0\2", 4);
	check_message(&six, AF_INET6, source6, destination6, 16);
}

static void leaves_out_what_has_no_connection(void)
{
	struct packet p = v4(IPPROTO_UDP, SYN, 0), later = v4(IPPROTO_TCP, SYN, 0), more = later, bad = later;

	CHECK(!is_remembered(&p, p.size), "UDP");
	p = v4(IPPROTO_TCP, RST | ACK, 0);
	CHECK(!is_remembered(&p, p.size), "a reset of IPv4");
	p = v6(RST, 0);
	CHECK(!is_remembered(&p, p.size), "a reset of IPv6");
	p = v6(SYN, 8);
	CHECK(!is_remembered(&p, p.size), "behind an extension header");
	later.bytes[6] = 0x01, more.bytes[7] = 0x01;
	CHECK(!is_remembered(&later, later.size) && !is_remembered(&more, more.size),
	      "a later fragment has no ports");
	more.bytes[7] = 0, more.bytes[6] = 0x20;
	CHECK(is_remembered(&more, more.size), "a first fragment has");
	bad.bytes[0] = 0x44;
	CHECK(!is_remembered(&bad, bad.size), "a header that is shorter than it can be");
}

/* Of every length: nothing is read that was not captured, and nothing written for a packet without its TCP
 * header. */
static void reads_no_further_than_captured(void)
{
	const struct packet packets[] = {v4(IPPROTO_TCP, SYN, 0), v4(IPPROTO_TCP, SYN, 40), v6(SYN, 0)};

	for (int i = 0; i < 3; i++)
		for (uint32_t captured = 0; captured <= packets[i].size; captured++)
			CHECK(is_remembered(&packets[i], captured) == (captured == packets[i].size),
			      "packet %d cut to %u bytes", i, captured);
}

int main(void)
{
	writes_both_directions();
	leaves_out_what_has_no_connection();
	reads_no_further_than_captured();
	return check_report("remember");
}
