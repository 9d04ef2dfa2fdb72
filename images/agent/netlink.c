// SPDX-License-Identifier: Apache-2.0
#include "netlink.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int netlink_open(int protocol)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), on = 1;

	if (fd < 0)
		fprintf(stderr, "Cannot open a netlink socket: %s.\n", strerror(errno));
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return fd;
}

struct rtattr *netlink_attribute(struct nlmsghdr *message, unsigned short type, const void *data, size_t size)
{
	struct rtattr *attr = (struct rtattr *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));

	attr->rta_type = type;
	attr->rta_len = (unsigned short)RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(attr), data, size);
	message->nlmsg_len = NLMSG_ALIGN(message->nlmsg_len) + (uint32_t)RTA_ALIGN(attr->rta_len);
	return attr;
}

/* Behind the copy of our header stand attributes: what the kernel says of its own accord is one of them. */
static const char *words_of(const struct nlmsghdr *answer)
{
	const struct nlmsgerr *error = NLMSG_DATA(answer);
	const struct rtattr *attr = (const struct rtattr *)(error + 1);
	int left = (int)(answer->nlmsg_len - NLMSG_LENGTH(sizeof(*error)));

	if (answer->nlmsg_flags & NLM_F_ACK_TLVS)
		for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
			if (attr->rta_type == NLMSGERR_ATTR_MSG)
				return RTA_DATA(attr);
	return strerror(-error->error);
}

int netlink_request(int fd, const struct nlmsghdr *message, const char *what)
{
	union {
		struct nlmsghdr header;
		char bytes[8192];
	} answer;

	if (send(fd, message, message->nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0) {
		fprintf(stderr, "Cannot %s: %s.\n", what, strerror(errno));
		return 1;
	}
	const struct nlmsgerr *error = NLMSG_DATA(&answer.header);

	if (answer.header.nlmsg_type == NLMSG_ERROR && !error->error)
		return 0;
	fprintf(stderr, "Cannot %s: the kernel says '%s'.\n", what, words_of(&answer.header));
	return 1;
}
