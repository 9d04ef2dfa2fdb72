// SPDX-License-Identifier: Apache-2.0
#include "netlink/request.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink/message.h"

static union {
	struct nlmsghdr header;
	char bytes[8192];
} answer;

int netlink_open(int protocol)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), on = 1;

	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return fd;
}

/* Behind the copy of our header stand attributes: what the kernel says of its own accord is one of them. */
static const char *own_words(void)
{
	const size_t fixed = NLMSG_LENGTH(sizeof(struct nlmsgerr));
	const struct nlattr *text = NULL;

	if (answer.header.nlmsg_flags & NLM_F_ACK_TLVS && answer.header.nlmsg_len > fixed)
		text = message_find(answer.bytes + fixed, answer.header.nlmsg_len - fixed, NLMSGERR_ATTR_MSG);
	return text ? attribute_value(text) : NULL;
}

int netlink_request(int fd, const struct nlmsghdr *message, const char **words)
{
	const struct nlmsgerr *error = NLMSG_DATA(&answer.header);
	int code = 0;
	ssize_t got = 0;

	if (words)
		*words = NULL;
	if (send(fd, message, message->nlmsg_len, 0) < 0)
		code = errno;
	else if (message->nlmsg_flags & NLM_F_ACK) {
		got = recv(fd, &answer, sizeof(answer), 0);
		if (got < 0)
			code = errno;
		else if (got < (ssize_t)NLMSG_LENGTH(sizeof(*error)) ||
			 answer.header.nlmsg_type != NLMSG_ERROR || answer.header.nlmsg_len > (size_t)got)
			code = EPROTO;
		else
			code = -error->error;
	}
	if (code && words && got > 0 && code != EPROTO)
		*words = own_words();
	if (code && words && !*words)
		*words = strerror(code);
	return code;
}
