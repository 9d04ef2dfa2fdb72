// SPDX-License-Identifier: Apache-2.0
#include "serve_udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "datagram.h"
#include "util/memory.h"

#define BATCH 32
#define DATAGRAM_BYTES 65536
#define BATCHES_PER_TURN 8

union control {
	struct cmsghdr align;
	char v4[CMSG_SPACE(sizeof(struct in_pktinfo))];
	char v6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct udp_batch {
	struct mmsghdr headers[BATCH];
	struct iovec pieces[BATCH];
	struct sockaddr_storage peers[BATCH];
	union control controls[BATCH];
	char (*data)[DATAGRAM_BYTES];
};

struct udp_batch *udp_batch_new(void)
{
	struct udp_batch *batch = allocate(sizeof(*batch));

	batch->data = allocate(BATCH * sizeof(*batch->data));
	for (int i = 0; i < BATCH; i++) {
		batch->pieces[i].iov_base = batch->data[i];
		batch->headers[i].msg_hdr = (struct msghdr){.msg_name = &batch->peers[i],
							    .msg_iov = &batch->pieces[i],
							    .msg_iovlen = 1,
							    .msg_control = &batch->controls[i]};
	}
	return batch;
}

static int receive(struct udp_batch *batch, int fd)
{
	for (int i = 0; i < BATCH; i++) {
		batch->pieces[i].iov_len = DATAGRAM_BYTES;
		batch->headers[i].msg_hdr.msg_namelen = sizeof(batch->peers[i]);
		batch->headers[i].msg_hdr.msg_controllen = sizeof(batch->controls[i]);
	}
	return recvmmsg(fd, batch->headers, BATCH, MSG_DONTWAIT, NULL);
}

/*
 * What came in as "sent to this address" goes out as "send from this address". The interface is cleared: a
 * virtual address is on `lo`, and the way back is the routing table's choice.
 */
static void answer_from_same_address(struct msghdr *header)
{
	struct cmsghdr *item = CMSG_FIRSTHDR(header);

	header->msg_flags = 0;
	if (!item)
		return;
	if (item->cmsg_level == IPPROTO_IP) {
		struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(item);

		info->ipi_ifindex = 0;
		info->ipi_spec_dst = info->ipi_addr;
	} else {
		((struct in6_pktinfo *)CMSG_DATA(item))->ipi6_ifindex = 0;
	}
}

static void prepare(struct worker *worker, enum service service, int count)
{
	const struct server *server = worker->server;
	struct udp_batch *batch = worker->udp;
	struct datagram datagram;
	bool whole;

	for (int i = 0; i < count; i++) {
		size_t bytes = batch->headers[i].msg_len;

		if (service == SERVICE_NAME_UDP) {
			memcpy(batch->data[i], server->name, server->name_bytes);
			bytes = server->name_bytes;
		} else if (datagram_read((uint8_t *)batch->data[i], (uint32_t)bytes, &datagram, &whole)) {
			receipt_write(server->name, &datagram, whole, (uint8_t *)batch->data[i]);
			bytes = RECEIPT_BYTES;
		} else {
			datagram_check(batch->data[i], bytes, &worker->counts.integrity);
			name_over(server, batch->data[i], 0, bytes);
		}
		batch->pieces[i].iov_len = bytes;
		answer_from_same_address(&batch->headers[i].msg_hdr);
	}
}

static void answer(struct worker *worker, int fd, int count)
{
	struct udp_batch *batch = worker->udp;

	for (int from = 0; from < count;) {
		int sent = sendmmsg(fd, batch->headers + from, (unsigned)(count - from),
				    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent <= 0) {
			from++; /* this one cannot be answered (no route, full buffer): as UDP does, it is
				   lost */
			continue;
		}
		for (int i = from; i < from + sent; i++) {
			worker->counts.messages++;
			worker->counts.bytes += batch->headers[i].msg_len;
		}
		from += sent;
	}
}

void udp_ready(struct worker *worker, enum service service, int fd)
{
	for (int i = 0; i < BATCHES_PER_TURN; i++) {
		int count = receive(worker->udp, fd);

		if (count <= 0)
			return;
		prepare(worker, service, count);
		answer(worker, fd, count);
		if (count < BATCH)
			return;
	}
}
