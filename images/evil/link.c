// SPDX-License-Identifier: Apache-2.0
#include "link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "cli/fail.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

/* Room for what comes while this process does not run. */
#define RECEIVE_BUFFER (64 << 20)

static void set(int fd, const char *device, int option, int value)
{
	if (setsockopt(fd, SOL_PACKET, option, &value, sizeof(value)))
		fail(EXIT_ERROR, "Cannot listen at '%s': %s.", device, strerror(errno));
}

int link_open(const char *device)
{
	/* Protocol 0: nothing comes before it is bound. */
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const struct sockaddr_ll address = {.sll_family = AF_PACKET,
					    .sll_protocol = htons(ETH_P_ALL),
					    .sll_ifindex = (int)if_nametoindex(device)};
	const struct packet_mreq all = {.mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
	const int size = RECEIVE_BUFFER;

	if (fd < 0)
		fail(EXIT_ERROR, "Cannot open a packet socket: %s.", strerror(errno));
	if (!address.sll_ifindex)
		fail(EXIT_ERROR, "There is no device '%s'.", device);
	set(fd, device, PACKET_VNET_HDR, 1);
	set(fd, device, PACKET_IGNORE_OUTGOING, 1);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)))
		fail(EXIT_ERROR, "Cannot listen at '%s': %s.", device, strerror(errno));
	return fd;
}

ssize_t link_receive(int fd, struct frame *frame)
{
	const ssize_t got = recv(fd, frame, sizeof(*frame), MSG_TRUNC);

	if (got < (ssize_t)sizeof(frame->offload) || got > (ssize_t)sizeof(*frame))
		return -1;
	return got - (ssize_t)sizeof(frame->offload);
}

int link_send(int fd, const struct virtio_net_hdr *offload, const uint8_t *data, size_t size)
{
	struct iovec parts[] = {{(void *)offload, sizeof(*offload)}, {(void *)data, size}};
	const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	return sendmsg(fd, &message, 0) < 0 ? errno : 0;
}

uint32_t link_overrun(int fd)
{
	struct tpacket_stats stats = {0};
	socklen_t size = sizeof(stats);

	/* Reading them begins anew. */
	getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size);
	return stats.tp_drops;
}
