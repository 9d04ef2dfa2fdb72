// SPDX-License-Identifier: Apache-2.0
/* Builds netlink messages in memory of the caller, who sees to it that there is room; and finds attributes.
 */
#ifndef LB_MESSAGE_H
#define LB_MESSAGE_H

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A message with its fixed part, which is a multiple of 4 bytes. */
static inline struct nlmsghdr *message_begin(void *buffer, uint16_t type, uint16_t flags, const void *body,
					     size_t size)
{
	struct nlmsghdr *message = buffer;

	*message = (struct nlmsghdr){
		.nlmsg_len = NLMSG_LENGTH(size),
		.nlmsg_type = type,
		.nlmsg_flags = NLM_F_REQUEST | flags,
	};
	memcpy(NLMSG_DATA(message), body, size);
	return message;
}

/* One of netfilter's: `subsystem` and `type` make its type; `resource` is a queue's number, or 0. */
static inline struct nlmsghdr *message_begin_netfilter(void *buffer, uint16_t subsystem, uint16_t type,
						       uint16_t flags, uint8_t family, uint16_t resource)
{
	const struct nfgenmsg body = {
		.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};

	return message_begin(buffer, (uint16_t)(subsystem << 8 | type), flags, &body, sizeof(body));
}

/* Appends an attribute; what pads it to 4 bytes is zero. */
static inline void message_put(struct nlmsghdr *message, uint16_t type, const void *value, size_t size)
{
	struct nlattr *attribute = (void *)((uint8_t *)message + message->nlmsg_len);

	*attribute = (struct nlattr){.nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = type};
	if (size % NLA_ALIGNTO)
		memset((uint8_t *)attribute + NLA_HDRLEN + (size & ~(size_t)3), 0, NLA_ALIGNTO);
	memcpy((uint8_t *)attribute + NLA_HDRLEN, value, size);
	message->nlmsg_len += (uint32_t)(NLA_HDRLEN + NLA_ALIGN(size));
}

/* In network order, as netfilter wants it. */
static inline void message_put_be32(struct nlmsghdr *message, uint16_t type, uint32_t value)
{
	const uint32_t big_endian = htonl(value);

	message_put(message, type, &big_endian, sizeof(big_endian));
}

/* What is put until message_nest_end() lies in this attribute. */
static inline struct nlattr *message_nest(struct nlmsghdr *message, uint16_t type)
{
	struct nlattr *attribute = (void *)((uint8_t *)message + message->nlmsg_len);

	attribute->nla_type = NLA_F_NESTED | type;
	message->nlmsg_len += NLA_HDRLEN;
	return attribute;
}

static inline void message_nest_end(const struct nlmsghdr *message, struct nlattr *attribute)
{
	attribute->nla_len =
		(uint16_t)((const uint8_t *)message + message->nlmsg_len - (const uint8_t *)attribute);
}

/* The attribute of that type among `size` bytes of them, or NULL. */
const struct nlattr *message_find(const void *attributes, size_t size, uint16_t type);

static inline const void *attribute_value(const struct nlattr *attribute)
{
	return (const uint8_t *)attribute + NLA_HDRLEN;
}

static inline size_t attribute_size(const struct nlattr *attribute)
{
	return attribute->nla_len - NLA_HDRLEN;
}

#endif
