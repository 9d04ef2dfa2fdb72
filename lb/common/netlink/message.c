// SPDX-License-Identifier: Apache-2.0
#include "netlink/message.h"

const struct nlattr *message_find(const void *attributes, size_t size, uint16_t type)
{
	const uint8_t *at = attributes, *end = at + size;

	while (end - at >= NLA_HDRLEN) {
		const struct nlattr *attribute = (const void *)at;

		if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > end - at)
			return NULL;
		if ((attribute->nla_type & NLA_TYPE_MASK) == type)
			return attribute;
		if (end - at <= NLA_ALIGN(attribute->nla_len))
			return NULL;
		at += NLA_ALIGN(attribute->nla_len);
	}
	return NULL;
}
