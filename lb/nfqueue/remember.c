// SPDX-License-Identifier: Apache-2.0
#include "remember.h"

#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink/message.h"

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

/* `from` is the index of the end that packets of this direction come from. */
static void put_tuple(struct nlmsghdr *message, uint16_t type, const struct ends *ends, int from)
{
	const bool v4 = ends->family == AF_INET;
	const uint8_t protocol = IPPROTO_TCP;
	struct nlattr *tuple = message_nest(message, type), *part = message_nest(message, CTA_TUPLE_IP);

	message_put(message, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, ends->addresses[from], ends->address_size);
	message_put(message, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, ends->addresses[!from], ends->address_size);
	message_nest_end(message, part);
	part = message_nest(message, CTA_TUPLE_PROTO);
	message_put(message, CTA_PROTO_NUM, &protocol, sizeof(protocol));
	message_put(message, CTA_PROTO_SRC_PORT, ends->ports + 2 * from, 2);
	message_put(message, CTA_PROTO_DST_PORT, ends->ports + 2 * !from, 2);
	message_nest_end(message, part);
	message_nest_end(message, tuple);
}

size_t remember_connection(void *buffer, const uint8_t *packet, uint32_t captured, uint32_t mark)
{
	const uint8_t state = TCP_CONNTRACK_ESTABLISHED;
	struct nlmsghdr *message;
	struct nlattr *info, *tcp;
	struct ends ends;

	if (!find_ends(packet, captured, &ends))
		return 0;
	message = message_begin_netfilter(buffer, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW, NLM_F_CREATE,
					  ends.family, 0);
	put_tuple(message, CTA_TUPLE_ORIG, &ends, 0);
	put_tuple(message, CTA_TUPLE_REPLY, &ends, 1);
	message_put_be32(message, CTA_TIMEOUT, FIRST_TIMEOUT_S);
	message_put_be32(message, CTA_MARK, mark);
	info = message_nest(message, CTA_PROTOINFO);
	tcp = message_nest(message, CTA_PROTOINFO_TCP);
	message_put(message, CTA_PROTOINFO_TCP_STATE, &state, sizeof(state));
	message_nest_end(message, tcp);
	message_nest_end(message, info);
	return message->nlmsg_len;
}
