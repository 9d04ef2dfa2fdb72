// SPDX-License-Identifier: Apache-2.0
/*
 * @conntrack-forget: like conntrack -D -r for all addresses of both families at once. A dump walks the whole
 * hash table, some milliseconds even when nothing is in it, so one has to do.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlink/message.h"
#include "netlink/request.h"
#include "netlink_programs.h"

#define SEND_BYTES 32768

struct message {
	struct nlmsghdr header;
	struct nfgenmsg body;
	char attributes[512];
};

/* Requests that wait to be sent: during a dump the socket is busy. */
struct requests {
	char *bytes;
	size_t used, room;
};

static const struct nlattr *inside(const struct nlattr *nest, uint16_t type)
{
	return nest ? message_find(attribute_value(nest), attribute_size(nest), type) : NULL;
}

static struct message make(uint16_t type, uint16_t flags, uint8_t family)
{
	struct message message;

	message_begin_netfilter(&message, NFNL_SUBSYS_CTNETLINK, type, flags, family, 0);
	return message;
}

/* Whether the connection's replies come from one of these. */
static bool is_wanted(const struct nlattr *reply, char *const addresses[])
{
	const struct nlattr *ip = inside(reply, CTA_TUPLE_IP), *v4 = inside(ip, CTA_IP_V4_SRC);
	const struct nlattr *source = v4 ? v4 : inside(ip, CTA_IP_V6_SRC);
	unsigned char bytes[16];

	for (int i = 0; source && addresses[i]; i++)
		if (inet_pton(v4 ? AF_INET : AF_INET6, addresses[i], bytes) == 1 &&
		    !memcmp(bytes, attribute_value(source), v4 ? 4 : 16))
			return true;
	return false;
}

/* Takes the deletion of one entry down. With its id, so that a later one of the same tuple is safe. */
static bool take(struct requests *list, const struct nlmsghdr *entry, char *const addresses[])
{
	const struct nfgenmsg *body = NLMSG_DATA(entry);
	const void *first = (const char *)body + NLMSG_ALIGN(sizeof(*body));
	const size_t left = entry->nlmsg_len - NLMSG_LENGTH(sizeof(*body));
	const struct nlattr *tuple = message_find(first, left, CTA_TUPLE_ORIG),
			    *id = message_find(first, left, CTA_ID);

	if (!tuple || !id || !is_wanted(message_find(first, left, CTA_TUPLE_REPLY), addresses))
		return true;
	struct message request = make(IPCTNL_MSG_CT_DELETE, 0, body->nfgen_family);

	if (2 * NLA_HDRLEN + NLA_ALIGN(attribute_size(tuple)) + NLA_ALIGN(attribute_size(id)) >
	    sizeof(request.attributes))
		return false;
	message_put(&request.header, CTA_TUPLE_ORIG | NLA_F_NESTED, attribute_value(tuple),
		    attribute_size(tuple));
	message_put(&request.header, CTA_ID, attribute_value(id), attribute_size(id));
	if (list->used + request.header.nlmsg_len > list->room) {
		list->room = 2 * list->room + sizeof(request);
		list->bytes = realloc(list->bytes, list->room);
		if (!list->bytes)
			return false;
	}
	memcpy(list->bytes + list->used, &request, request.header.nlmsg_len);
	list->used += NLMSG_ALIGN(request.header.nlmsg_len);
	return true;
}

static bool dump(int fd, struct requests *list, char *const addresses[])
{
	static union {
		struct nlmsghdr header;
		char bytes[65536];
	} data;
	struct message request = make(IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);

	if (send(fd, &request, request.header.nlmsg_len, 0) < 0)
		return false;
	for (;;) {
		ssize_t size = recv(fd, &data, sizeof(data), 0);
		int left = (int)size;

		if (size < 0)
			return false;
		for (const struct nlmsghdr *entry = &data.header; NLMSG_OK(entry, left);
		     entry = NLMSG_NEXT(entry, left)) {
			if (entry->nlmsg_type == NLMSG_DONE)
				return true;
			if (entry->nlmsg_type == NLMSG_ERROR)
				errno = -((const struct nlmsgerr *)NLMSG_DATA(entry))->error;
			if (entry->nlmsg_type == NLMSG_ERROR || !take(list, entry, addresses))
				return false;
		}
	}
}

/* The kernel carries requests out while they are sent. One that has ended by itself meanwhile is as good as
 * deleted. */
static bool send_all(int fd, const struct requests *list)
{
	for (size_t at = 0, size; at < list->used; at += size) {
		for (size = 0; at + size < list->used && size < SEND_BYTES;)
			size += NLMSG_ALIGN(((const struct nlmsghdr *)(list->bytes + at + size))->nlmsg_len);
		if (send(fd, list->bytes + at, size, 0) < 0)
			return false;
	}
	return true;
}

int conntrack_forget(char *const addresses[])
{
	int fd = netlink_open(NETLINK_NETFILTER);
	struct requests list = {0};

	bool done = fd >= 0 && dump(fd, &list, addresses) && send_all(fd, &list);

	if (!done)
		fprintf(stderr, "Cannot make conntrack forget connections: %s.\n", strerror(errno));
	free(list.bytes);
	close(fd);
	return !done;
}
