// SPDX-License-Identifier: Apache-2.0
#include "xsk.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/options.h"

/* What the kernel takes for a chunk, and keeps before each frame in it; a frame has a header and perhaps a
 * tag. */
#define CHUNK_LEAST 2048u
#define CHUNK_MOST 4096u
#define BESIDE_MTU (256u + 14 + 4)
#define FRAMES 4096u
#define DESCRIPTORS 2048u

_Static_assert(sizeof(struct xdp_desc) == 16, "the kernel's layout");

enum { BIND_ATTEMPTS = 20, BIND_PAUSE_US = 50000 };

static __attribute__((noreturn)) void refuse(const char *what, uint32_t queue)
{
	const char *remedy = "";

	if (errno == EINVAL)
		remedy = " Add queues to the interface with 'ethtool -L DEVICE rx N tx N'.";
	if (errno == EBUSY)
		remedy = " Another socket uses this queue.";
	if (errno == EPERM || errno == EACCES)
		remedy = " It takes CAP_NET_RAW.";
	if (errno == ENOBUFS)
		remedy = " The frames' memory must be locked: it takes CAP_IPC_LOCK, or a limit of 16 "
			 "MiB for each queue ('ulimit -l').";
	fail(EXIT_ERROR, "Cannot %s for queue %u: %s.%s", what, queue, strerror(errno), remedy);
}

static void ring_open(int fd, int option, uint32_t size, uint64_t page, const struct xdp_ring_offset *offsets,
		      size_t entry, struct xsk_ring *ring, uint32_t queue)
{
	uint8_t *map;

	if (setsockopt(fd, SOL_XDP, option, &size, sizeof(size)))
		refuse("make a ring", queue);
	map = mmap(NULL, offsets->desc + size * entry, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
		   (off_t)page);
	if (map == MAP_FAILED)
		refuse("map a ring", queue);
	*ring = (struct xsk_ring){.producer = (uint32_t *)(map + offsets->producer),
				  .consumer = (uint32_t *)(map + offsets->consumer),
				  .entries = map + offsets->desc,
				  .mask = size - 1};
}

static void socket_open(struct xsk *socket_, const struct xdp_umem_reg *memory, bool receives, bool sends,
			uint32_t queue)
{
	struct xdp_mmap_offsets offsets;
	socklen_t size = sizeof(offsets);
	const int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		refuse("open an AF_XDP socket", queue);
	socket_->fd = fd;
	if (memory && setsockopt(fd, SOL_XDP, XDP_UMEM_REG, memory, sizeof(*memory)))
		refuse("register the frames' memory", queue);
	/* The sizes count from when the rings are made; where they lie is the same for all. */
	if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size))
		refuse("lay out the rings", queue);
	ring_open(fd, XDP_UMEM_FILL_RING, FRAMES, XDP_UMEM_PGOFF_FILL_RING, &offsets.fr, sizeof(uint64_t),
		  &socket_->fill, queue);
	ring_open(fd, XDP_UMEM_COMPLETION_RING, FRAMES, XDP_UMEM_PGOFF_COMPLETION_RING, &offsets.cr,
		  sizeof(uint64_t), &socket_->completion, queue);
	if (receives)
		ring_open(fd, XDP_RX_RING, DESCRIPTORS, XDP_PGOFF_RX_RING, &offsets.rx,
			  sizeof(struct xdp_desc), &socket_->receive, queue);
	if (sends)
		ring_open(fd, XDP_TX_RING, DESCRIPTORS, XDP_PGOFF_TX_RING, &offsets.tx,
			  sizeof(struct xdp_desc), &socket_->send, queue);
}

static void bind_to(const struct xsk *socket_, uint32_t ifindex, uint32_t queue, uint16_t flags, int shared)
{
	const struct sockaddr_xdp address = {.sxdp_family = AF_XDP,
					     .sxdp_flags = flags,
					     .sxdp_ifindex = ifindex,
					     .sxdp_queue_id = queue,
					     .sxdp_shared_umem_fd = shared};

	/* The kernel lets go of a queue some time after the program that had it has ended. */
	for (int attempt = 0; bind(socket_->fd, (const struct sockaddr *)&address, sizeof(address));
	     attempt++) {
		if (errno != EBUSY || attempt == BIND_ATTEMPTS)
			refuse("bind an AF_XDP socket", queue);
		usleep(BIND_PAUSE_US);
	}
}

/* Small ones where they do: then more of them are in caches. */
static uint32_t chunk_for(uint32_t mtu)
{
	if (mtu + BESIDE_MTU > CHUNK_MOST)
		fail(EXIT_ERROR,
		     "AF_XDP takes no frames of an MTU of %u, but up to %u. Set it with 'ip link'.", mtu,
		     CHUNK_MOST - BESIDE_MTU);
	return mtu + BESIDE_MTU > CHUNK_LEAST ? CHUNK_MOST : CHUNK_LEAST;
}

static uint8_t *frames_map(uint32_t chunk, uint32_t queue)
{
	void *memory = mmap(NULL, (size_t)FRAMES * chunk, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		refuse("take memory", queue);
	return memory;
}

void xsk_open(struct xsk_pair *pair, uint32_t in_ifindex, uint32_t out_ifindex, uint32_t mtu, uint32_t queue,
	      bool zero_copy)
{
	const bool one_arm = in_ifindex == out_ifindex;
	const uint32_t chunk = chunk_for(mtu);
	struct xdp_umem_reg memory = {.len = (uint64_t)FRAMES * chunk, .chunk_size = chunk};
	struct xdp_options options = {0};
	socklen_t size = sizeof(options);

	*pair = (struct xsk_pair){
		.in.fd = -1, .out.fd = -1, .memory = frames_map(chunk, queue), .chunk = chunk};
	memory.addr = (uintptr_t)pair->memory;
	pair->sender = one_arm ? &pair->in : &pair->out;
	socket_open(&pair->in, &memory, true, one_arm, queue);
	bind_to(&pair->in, in_ifindex, queue, XDP_USE_NEED_WAKEUP | (zero_copy ? 0 : XDP_COPY), 0);
	if (!one_arm) {
		/* Another device has queues, and so rings, of its own over the same memory. */
		socket_open(&pair->out, NULL, false, true, queue);
		bind_to(&pair->out, out_ifindex, queue, XDP_SHARED_UMEM, pair->in.fd);
	}
	if (getsockopt(pair->in.fd, SOL_XDP, XDP_OPTIONS, &options, &size) == 0)
		pair->zero_copy = options.flags & XDP_OPTIONS_ZEROCOPY;
	for (uint64_t i = 0; i < FRAMES; i++)
		xsk_give_back(pair, &(uint64_t){i * chunk}, 1);
}

/* What the kernel has put into a ring for us. */
static uint32_t available(const struct xsk_ring *ring)
{
	return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE) - ring->at;
}

static void take(struct xsk_ring *ring, uint32_t n)
{
	ring->at += n;
	__atomic_store_n(ring->consumer, ring->at, __ATOMIC_RELEASE);
}

/* What we have put there and the kernel has not taken. */
static uint32_t pending(const struct xsk_ring *ring)
{
	return ring->at - __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
}

static void put(struct xsk_ring *ring, uint32_t n)
{
	ring->at += n;
	__atomic_store_n(ring->producer, ring->at, __ATOMIC_RELEASE);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

uint32_t xsk_receive(struct xsk_pair *pair, struct xsk_frame *frames, uint32_t max)
{
	struct xsk_ring *ring = &pair->in.receive;
	const uint32_t n = least(available(ring), max);

	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *desc =
			(struct xdp_desc *)ring->entries + ((ring->at + i) & ring->mask);

		frames[i] = (struct xsk_frame){desc->addr, desc->len};
	}
	take(ring, n);
	return n;
}

uint32_t xsk_send_room(const struct xsk_pair *pair)
{
	return pair->sender->send.mask + 1 - pending(&pair->sender->send);
}

uint32_t xsk_unsent(const struct xsk_pair *pair)
{
	return pending(&pair->sender->send);
}

void xsk_send(struct xsk_pair *pair, const struct xsk_frame *frames, uint32_t n)
{
	struct xsk_ring *ring = &pair->sender->send;

	for (uint32_t i = 0; i < n; i++)
		((struct xdp_desc *)ring->entries)[(ring->at + i) & ring->mask] =
			(struct xdp_desc){.addr = frames[i].address, .len = frames[i].length};
	put(ring, n);
}

int xsk_kick(struct xsk_pair *pair)
{
	if (sendto(pair->sender->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
		return 0;
	/* There is more to send, or the device is busy or down: all that passes. */
	return errno == EAGAIN || errno == EBUSY || errno == ENOBUFS || errno == EINTR || errno == ENETDOWN
		       ? 0
		       : errno;
}

uint32_t xsk_completed(struct xsk_pair *pair, uint64_t *addresses, uint32_t max)
{
	struct xsk_ring *ring = &pair->sender->completion;
	const uint32_t n = least(available(ring), max);

	for (uint32_t i = 0; i < n; i++)
		addresses[i] = ((uint64_t *)ring->entries)[(ring->at + i) & ring->mask];
	take(ring, n);
	return n;
}

/* There is room for all frames that are. */
void xsk_give_back(struct xsk_pair *pair, const uint64_t *addresses, uint32_t n)
{
	struct xsk_ring *ring = &pair->in.fill;

	/* Received frames begin after some headroom; the kernel wants the beginning of the chunk. */
	for (uint32_t i = 0; i < n; i++)
		((uint64_t *)ring->entries)[(ring->at + i) & ring->mask] =
			addresses[i] & ~(uint64_t)(pair->chunk - 1);
	put(ring, n);
}

int xsk_error(const struct xsk_pair *pair)
{
	int error = 0;
	socklen_t size = sizeof(error);

	getsockopt(pair->in.fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error ? error : ENETDOWN;
}

void xsk_drops(const struct xsk_pair *pair, struct xsk_drops *drops)
{
	struct xdp_statistics in = {0}, out = {0};
	socklen_t size = sizeof(in);

	getsockopt(pair->in.fd, SOL_XDP, XDP_STATISTICS, &in, &size);
	size = sizeof(out);
	getsockopt(pair->sender->fd, SOL_XDP, XDP_STATISTICS, &out, &size);
	*drops = (struct xsk_drops){in.rx_dropped, in.rx_ring_full, out.tx_invalid_descs};
}
