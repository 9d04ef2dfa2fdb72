// SPDX-License-Identifier: Apache-2.0
#include "remember.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* Until the next packet, which brings conntrack's own time limit. */
#define FIRST_TIMEOUT_S 60
#define TCP_FLAGS 13
#define RST 0x04

struct ends {
	uint8_t family;
	uint8_t address_size;
	const uint8_t *addresses[2]; /* source, destination */
	const uint8_t *ports;	     /* both, in network order */
};

/* False: no TCP packet of a connection that may live on. */
static bool find_ends(const uint8_t *packet, uint32_t captured, struct ends *ends)
{
	const bool v4 = captured > 0 && packet[0] >> 4 == 4;
	const uint32_t least = v4 ? 20 : 40;
	uint32_t offset;

	if (captured < least)
		return false;
	offset = v4 ? (packet[0] & 15) * 4 : least;
	if (packet[v4 ? 9 : 6] != IPPROTO_TCP || offset < least || captured < offset + 20)
		return false;
	if (v4 && ((packet[6] & 0x1f) || packet[7]))
		return false; /* not the first fragment */
	*ends = (struct ends){
		.family = v4 ? AF_INET : AF_INET6,
		.address_size = v4 ? 4 : 16,
		.addresses = {packet + (v4 ? 12 : 8), packet + (v4 ? 16 : 24)},
		.ports = packet + offset,
	};
	return !(packet[offset + TCP_FLAGS] & RST);
}

static void put(struct nlmsghdr *message, uint16_t type, const void *value, uint16_t size)
{
	struct nlattr *attribute = (void *)((uint8_t *)message + message->nlmsg_len);

	*attribute = (struct nlattr){.nla_len = NLA_HDRLEN + size, .nla_type = type};
	memset((uint8_t *)attribute + NLA_HDRLEN, 0, NLA_ALIGN(size));
	memcpy((uint8_t *)attribute + NLA_HDRLEN, value, size);
	message->nlmsg_len += NLA_HDRLEN + NLA_ALIGN(size);
}

static struct nlattr *nest(struct nlmsghdr *message, uint16_t type)
{
	struct nlattr *attribute = (void *)((uint8_t *)message + message->nlmsg_len);

	attribute->nla_type = NLA_F_NESTED | type;
	message->nlmsg_len += NLA_HDRLEN;
	return attribute;
}

static void nest_end(const struct nlmsghdr *message, struct nlattr *attribute)
{
	attribute->nla_len = (const uint8_t *)message + message->nlmsg_len - (const uint8_t *)attribute;
}

/* `from` is the index of the end that packets of this direction come from. */
static void put_tuple(struct nlmsghdr *message, uint16_t type, const struct ends *ends, int from)
{
	const bool v4 = ends->family == AF_INET;
	const uint8_t protocol = IPPROTO_TCP;
	struct nlattr *tuple = nest(message, type), *part = nest(message, CTA_TUPLE_IP);

	put(message, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, ends->addresses[from], ends->address_size);
	put(message, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, ends->addresses[!from], ends->address_size);
	nest_end(message, part);
	part = nest(message, CTA_TUPLE_PROTO);
	put(message, CTA_PROTO_NUM, &protocol, sizeof(protocol));
	put(message, CTA_PROTO_SRC_PORT, ends->ports + 2 * from, 2);
	put(message, CTA_PROTO_DST_PORT, ends->ports + 2 * !from, 2);
	nest_end(message, part);
	nest_end(message, tuple);
}

size_t remember_connection(void *buffer, const uint8_t *packet, uint32_t captured, uint32_t mark)
{
	const uint32_t timeout = htonl(FIRST_TIMEOUT_S), mark_be = htonl(mark);
	const uint8_t state = TCP_CONNTRACK_ESTABLISHED;
	struct nlmsghdr *message = buffer;
	struct nlattr *info, *tcp;
	struct ends ends;

	if (!find_ends(packet, captured, &ends))
		return 0;
	*message = (struct nlmsghdr){
		.nlmsg_len = NLMSG_LENGTH(sizeof(struct nfgenmsg)),
		.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE,
	};
	*(struct nfgenmsg *)NLMSG_DATA(message) =
		(struct nfgenmsg){.nfgen_family = ends.family, .version = NFNETLINK_V0};
	put_tuple(message, CTA_TUPLE_ORIG, &ends, 0);
	put_tuple(message, CTA_TUPLE_REPLY, &ends, 1);
	put(message, CTA_TIMEOUT, &timeout, sizeof(timeout));
	put(message, CTA_MARK, &mark_be, sizeof(mark_be));
	info = nest(message, CTA_PROTOINFO);
	tcp = nest(message, CTA_PROTOINFO_TCP);
	put(message, CTA_PROTOINFO_TCP_STATE, &state, sizeof(state));
	nest_end(message, tcp);
	nest_end(message, info);
	return message->nlmsg_len;
}
