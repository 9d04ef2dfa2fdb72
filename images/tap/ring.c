// SPDX-License-Identifier: Apache-2.0
#include "ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/fail.h"
#include "cli/options.h"
#include "util/signals.h"

#define BLOCK (1U << 18)
#define FRAME 2048
#define SNAP 128

/*
 * Classic BPF: jumps count instructions to skip. IPv4: X is the header's length. Fragments behind the first have no TCP
 * header. What is in a tunnel is sorted out later.
 */
static const struct sock_filter control_filter[] = {
	/*  0 */ BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
	/*  1 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 9),
	/*  2 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
	/*  3 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMP, 14, 0),
	/*  4 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_IPIP, 13, 0),
	/*  5 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 13),
	/*  6 */ BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
	/*  7 */ BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 11, 0),
	/*  8 */ BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
	/*  9 */ BPF_STMT(BPF_LD | BPF_B | BPF_IND, 14 + 13),
	/* 10 */ BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 7, 7, 8),
	/* 11 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 7),
	/* 12 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 20),
	/* 13 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 4, 0),
	/* 14 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_IPV6, 3, 0),
	/* 15 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 3),
	/* 16 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 14 + 40 + 13),
	/* 17 */ BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 7, 0, 1),
	/* 18 */ BPF_STMT(BPF_RET | BPF_K, SNAP),
	/* 19 */ BPF_STMT(BPF_RET | BPF_K, 0),
};

static const struct sock_filter full_filter[] = {
	/* 0 */ BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
	/* 1 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 1, 0),
	/* 2 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 1),
	/* 3 */ BPF_STMT(BPF_RET | BPF_K, SNAP),
	/* 4 */ BPF_STMT(BPF_RET | BPF_K, 0),
};

static void set(int fd, int level, int option, const void *value, socklen_t size, const char *what)
{
	if (setsockopt(fd, level, option, value, size))
		fail(EXIT_ENVIRONMENT, "Cannot set %s: %s.", what, strerror(errno));
}

static void set_filter(int fd, bool control)
{
	const struct sock_fprog program =
		control ? (struct sock_fprog){COUNT_OF(control_filter), (struct sock_filter *)control_filter}
			: (struct sock_fprog){COUNT_OF(full_filter), (struct sock_filter *)full_filter};

	set(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program), "the filter");
}

void ring_open(struct ring *ring, uint32_t mebibytes, uint32_t retire_ms, bool control)
{
	const int version = TPACKET_V3, one = 1;
	const uint32_t blocks = mebibytes * (1U << 20) / BLOCK;
	const struct tpacket_req3 request = {.tp_block_size = BLOCK,
					     .tp_block_nr = blocks,
					     .tp_frame_size = FRAME,
					     .tp_frame_nr = BLOCK / FRAME * blocks,
					     .tp_retire_blk_tov = retire_ms};
	/* What is held is readable all the time: it is the change that is waited for. */
	struct epoll_event change = {.events = EPOLLIN | EPOLLET};
	/* Index 0 is all devices, those too that come later. */
	const struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};

	*ring = (struct ring){.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), .blocks = blocks};
	if (ring->fd < 0)
		fail(EXIT_ENVIRONMENT, "Cannot open a packet socket: %s.", strerror(errno));
	set(ring->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version), "TPACKET_V3");
	set(ring->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request), "the ring");
	set_filter(ring->fd, control);
	set(ring->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one), "PACKET_IGNORE_OUTGOING");
	ring->map = mmap(NULL, (size_t)BLOCK * blocks, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	if (ring->map == MAP_FAILED)
		fail(EXIT_ENVIRONMENT, "Cannot map the ring: %s.", strerror(errno));
	if (bind(ring->fd, (const struct sockaddr *)&all, sizeof(all)))
		fail(EXIT_ENVIRONMENT, "Cannot listen: %s.", strerror(errno));
	ring->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (ring->epoll < 0 || epoll_ctl(ring->epoll, EPOLL_CTL_ADD, ring->fd, &change))
		fail(EXIT_ENVIRONMENT, "Cannot wait for packets: %s.", strerror(errno));
}

bool ring_wait(const struct ring *ring, int signals)
{
	const bool goes_on = signals_wait(signals, ring->epoll);
	struct epoll_event change;

	epoll_wait(ring->epoll, &change, 1, 0);
	return goes_on;
}

void ring_close(struct ring *ring)
{
	munmap(ring->map, (size_t)BLOCK * ring->blocks);
	close(ring->epoll);
	close(ring->fd);
}

static struct tpacket_block_desc *block_at(const struct ring *ring, uint32_t index)
{
	return (struct tpacket_block_desc *)(ring->map + (size_t)index * BLOCK);
}

const struct tpacket_block_desc *ring_take(struct ring *ring)
{
	const struct tpacket_block_desc *block = block_at(ring, ring->next);

	if (ring->held == ring->blocks ||
	    !(__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
		return NULL;
	ring->next = (ring->next + 1) % ring->blocks;
	ring->held++;
	return block;
}

const struct tpacket_block_desc *ring_oldest(const struct ring *ring)
{
	return block_at(ring, ring->oldest);
}

void ring_give_back(struct ring *ring)
{
	struct tpacket_block_desc *block = block_at(ring, ring->oldest);

	__atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	ring->oldest = (ring->oldest + 1) % ring->blocks;
	ring->held--;
}

uint64_t ring_dropped(const struct ring *ring)
{
	struct tpacket_stats_v3 stats = {0};
	socklen_t size = sizeof(stats);

	return getsockopt(ring->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) ? 0 : stats.tp_drops;
}

void block_begin(struct block_reader *reader, const struct tpacket_block_desc *block)
{
	reader->left = block->hdr.bh1.num_pkts;
	reader->at = (const struct tpacket3_hdr *)((const uint8_t *)block + block->hdr.bh1.offset_to_first_pkt);
}

bool block_next(struct block_reader *reader, struct captured *frame)
{
	const struct tpacket3_hdr *at = reader->at;
	const struct sockaddr_ll *from =
		(const struct sockaddr_ll *)((const uint8_t *)at + TPACKET_ALIGN(sizeof(*at)));

	if (reader->left == 0)
		return false;
	reader->left--;
	*frame = (struct captured){.data = (const uint8_t *)at + at->tp_mac,
				   .captured = at->tp_snaplen,
				   .length = at->tp_len,
				   .ifindex = (uint32_t)from->sll_ifindex,
				   .t = (uint64_t)at->tp_sec * 1000000000 + at->tp_nsec};
	reader->at = (const struct tpacket3_hdr *)((const uint8_t *)at + at->tp_next_offset);
	return true;
}
