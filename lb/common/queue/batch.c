// SPDX-License-Identifier: Apache-2.0
#include "queue/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "queue/queue.h"

#define MESSAGE_MAX NLMSG_ALIGN(QUEUE_COPY_MAX + QUEUE_MESSAGE_OVERHEAD)

bool batch_init(struct batch *batch, uint32_t n, uint32_t copy, size_t answer)
{
	const size_t size = NLMSG_ALIGN(copy + QUEUE_MESSAGE_OVERHEAD);
	const size_t more = size < MESSAGE_MAX ? MESSAGE_MAX - size : 0;

	*batch = (struct batch){
		.n = n,
		.messages = calloc(n, sizeof(*batch->messages)),
		.pieces = calloc(n, sizeof(*batch->pieces)),
		.received = malloc(n * size),
		.spilled = malloc(n * more + 1),
		.joined = malloc(MESSAGE_MAX),
		.answers = malloc(n * answer),
	};
	if (!batch->messages || !batch->pieces || !batch->received || !batch->spilled || !batch->joined ||
	    !batch->answers)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		batch->pieces[i][0] = (struct iovec){batch->received + i * size, size};
		batch->pieces[i][1] = (struct iovec){batch->spilled + i * more, more};
		batch->messages[i].msg_hdr = (struct msghdr){.msg_iov = batch->pieces[i], .msg_iovlen = 2};
	}
	return true;
}

void batch_free(struct batch *batch)
{
	free(batch->messages);
	free(batch->pieces);
	free(batch->received);
	free(batch->spilled);
	free(batch->joined);
	free(batch->answers);
}

int batch_receive(struct batch *batch, int fd)
{
	const int n = recvmmsg(fd, batch->messages, batch->n, MSG_WAITFORONE, NULL);

	return n < 0 ? -errno : n;
}

struct nlmsghdr *batch_message(const struct batch *batch, int i)
{
	const struct iovec *pieces = batch->pieces[i];
	const size_t size = batch->messages[i].msg_len;
	struct nlmsghdr *message = pieces[0].iov_base;

	if (size > pieces[0].iov_len) {
		memcpy(batch->joined, pieces[0].iov_base, pieces[0].iov_len);
		memcpy(batch->joined + pieces[0].iov_len, pieces[1].iov_base, size - pieces[0].iov_len);
		message = (struct nlmsghdr *)batch->joined;
	}
	return NLMSG_OK(message, size) ? message : NULL;
}

int batch_send(struct batch *batch, int fd, struct netlink_sent *sent)
{
	const int error = netlink_send_all(fd, batch->answers, batch->answers_size, sent);

	batch->answers_size = 0;
	return error;
}
