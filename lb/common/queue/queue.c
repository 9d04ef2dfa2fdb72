// SPDX-License-Identifier: Apache-2.0
#include "queue/queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/fail.h"
#include "netlink/message.h"
#include "netlink/request.h"
#include "netlink/send.h"

/* Kernel memory that one queued packet costs the socket besides its bytes: sk_buff, shared info, attributes.
 */
#define PACKET_TRUESIZE 1536

/* Does nothing but be acknowledged, to those who are permitted to bind queues. */
static const struct nlmsghdr empty_message = {
	.nlmsg_len = sizeof(empty_message),
	.nlmsg_type = NLMSG_NOOP,
	.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
};

static struct nlmsghdr *queue_message(void *buffer, uint16_t type, uint16_t flags, uint16_t queue)
{
	return message_begin_netfilter(buffer, NFNL_SUBSYS_QUEUE, type, flags, AF_UNSPEC, queue);
}

static int bind_queue(int fd, uint16_t queue, const struct queue_options *options)
{
	const struct nfqnl_msg_config_cmd bind_command = {.command = NFQNL_CFG_CMD_BIND};
	/* GSO: take large packets whole. Splitting them for us costs six sevenths of bulk TCP throughput. */
	const uint32_t flags = (options->finished ? 0 : NFQA_CFG_F_GSO) |
			       (options->fail_open ? NFQA_CFG_F_FAIL_OPEN : 0);
	uint32_t buffer[32] = {0};
	struct nlmsghdr *message = queue_message(buffer, NFQNL_MSG_CONFIG, NLM_F_ACK, queue);

	message_put(message, NFQA_CFG_CMD, &bind_command, sizeof(bind_command));
	message_put_be32(message, NFQA_CFG_FLAGS, flags);
	message_put_be32(message, NFQA_CFG_MASK, flags);
	message_put_be32(message, NFQA_CFG_QUEUE_MAXLEN, options->length);
	return netlink_request(fd, message, NULL);
}

size_t queue_copy(void *buffer, uint16_t queue, uint32_t copy)
{
	const struct nfqnl_msg_config_params params = {
		.copy_range = htonl(copy),
		.copy_mode = NFQNL_COPY_PACKET,
	};
	struct nlmsghdr *message = queue_message(buffer, NFQNL_MSG_CONFIG, 0, queue);

	message_put(message, NFQA_CFG_PARAMS, &params, sizeof(params));
	return message->nlmsg_len;
}

/* Packets flow from here on, so no acknowledgement is asked for: waiting for it could swallow packets. */
static int start_copying(int fd, uint16_t queue, const struct queue_options *options)
{
	uint32_t buffer[QUEUE_COPY_SIZE / sizeof(uint32_t)];

	queue_copy(buffer, queue, options->copy);
	return netlink_request(fd, (const struct nlmsghdr *)buffer, NULL);
}

static void size_receive_buffer(int fd, const struct queue_options *options)
{
	const int on = 1;
	/* Whole packets are copied of fragments only, which are no longer than an MTU. */
	const uint32_t copy = options->copy < PACKET_TRUESIZE ? options->copy : PACKET_TRUESIZE;
	const uint64_t fitting = (uint64_t)options->length * (copy + PACKET_TRUESIZE);
	const uint64_t wanted = (options->buffer ? options->buffer : fitting) / 2;
	int size = wanted < INT32_MAX / 2 ? (int)wanted : INT32_MAX / 2; /* the kernel doubles it */

	/* Beyond net.core.rmem_max only with CAP_NET_ADMIN in the initial user namespace. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (queue_receive_buffer(fd) < (uint32_t)size)
		fprintf(stderr,
			"The receive buffer holds at most %u packets, not %u: bursts may be lost. "
			"Raise net.core.rmem_max to %d.\n",
			queue_receive_buffer(fd) / (copy + PACKET_TRUESIZE), options->length, size);
	/* After an ENOBUFS the kernel drops everything until the buffer is empty; without it, only what does
	 * not fit. */
	setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on));
}

int queue_open(uint16_t queue, const struct queue_options *options)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	int error;

	if (fd < 0)
		fail(EXIT_ERROR, "Cannot open a netfilter socket: %s.", strerror(errno));
	size_receive_buffer(fd, options);
	netlink_size_send_buffer(fd, options->answers);
	error = bind(fd, (struct sockaddr *)&kernel, sizeof(kernel)) < 0 ? errno : 0;
	/* With a fixed peer plain send() and recv() do. */
	if (!error && connect(fd, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		error = errno;
	if (!error)
		error = netlink_request(fd, &empty_message, NULL);
	if (error == EPERM)
		fail(EXIT_ERROR, "Cannot bind queue %u: not permitted. CAP_NET_ADMIN is needed here.", queue);
	if (!error)
		error = bind_queue(fd, queue, options);
	/* The kernel's word for a queue that has an owner, when the caller may bind queues at all. */
	if (error == EPERM || error == EBUSY)
		fail(EXIT_ERROR, "Cannot bind queue %u: another program holds it in this network namespace.",
		     queue);
	if (!error)
		error = start_copying(fd, queue, options);
	if (error)
		fail(EXIT_ERROR, "Cannot bind queue %u: %s. Does the kernel have nfnetlink_queue?", queue,
		     strerror(error));
	return fd;
}

void queue_set_timeout(int fd, uint32_t ms)
{
	const struct timeval time = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
}

uint32_t queue_receive_buffer(int fd)
{
	int size = 0;
	socklen_t length = sizeof(size);

	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &length);
	return size;
}

void queue_wake(int fd)
{
	send(fd, &empty_message, sizeof(empty_message), 0);
}

bool queue_is_config(const struct nlmsghdr *message)
{
	return message->nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG);
}

/* Of an attribute whose size was checked. */
static uint32_t value32(const struct nlattr *attribute)
{
	uint32_t value;

	memcpy(&value, (const uint8_t *)attribute + NLA_HDRLEN, sizeof(value));
	return ntohl(value);
}

bool queue_decode(const struct nlmsghdr *message, struct queued_packet *packet)
{
	const uint8_t *at = (const uint8_t *)message + NLMSG_LENGTH(sizeof(struct nfgenmsg));
	const uint8_t *end = (const uint8_t *)message + message->nlmsg_len;
	bool has_id = false;

	if (message->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET))
		return false;
	*packet = (struct queued_packet){0}; /* the kernel leaves out a mark of 0 */
	while (end - at >= NLA_HDRLEN) {
		const struct nlattr *attribute = (const void *)at;
		uint32_t size;

		if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > end - at)
			return false; /* malformed, or the datagram was cut short */
		size = attribute->nla_len - NLA_HDRLEN;
		switch (attribute->nla_type & NLA_TYPE_MASK) {
		case NFQA_PACKET_HDR: /* begins with the id */
			if (size < sizeof(packet->id))
				return false;
			packet->id = value32(attribute);
			has_id = true;
			break;
		case NFQA_MARK:
			if (size < sizeof(packet->mark))
				return false;
			packet->mark = value32(attribute);
			break;
		case NFQA_CAP_LEN: /* only when not all was captured */
			if (size < sizeof(packet->length))
				return false;
			packet->length = value32(attribute);
			break;
		case NFQA_PAYLOAD:
			packet->data = at + NLA_HDRLEN;
			packet->captured = size;
			break;
		}
		if (end - at <= NLA_ALIGN(attribute->nla_len))
			break; /* the last one need not be padded */
		at += NLA_ALIGN(attribute->nla_len);
	}
	if (packet->length < packet->captured)
		packet->length = packet->captured;
	return has_id;
}

size_t queue_verdict(void *buffer, uint16_t queue, uint32_t id, uint32_t verdict, const uint32_t *mark)
{
	const struct nfqnl_msg_verdict_hdr header = {.verdict = htonl(verdict), .id = htonl(id)};
	struct nlmsghdr *message = queue_message(buffer, NFQNL_MSG_VERDICT, 0, queue);

	message_put(message, NFQA_VERDICT_HDR, &header, sizeof(header));
	if (mark)
		message_put_be32(message, NFQA_MARK, *mark);
	return message->nlmsg_len;
}

size_t queue_accept_changed(void *buffer, uint16_t queue, const struct queued_packet *packet)
{
	struct nlmsghdr *message = buffer;

	queue_verdict(buffer, queue, packet->id, NF_ACCEPT, NULL);
	message_put(message, NFQA_PAYLOAD, packet->data, packet->captured);
	return message->nlmsg_len;
}
