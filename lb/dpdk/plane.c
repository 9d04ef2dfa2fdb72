// SPDX-License-Identifier: Apache-2.0
#include "plane.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "cli/options.h"
#include "util/memory.h"

#define BATCH 64
#define BUFFERS 4095
#define RING_FRAMES 2048
/* AF_PACKET's header in front of each frame, and Ethernet's. */
#define FRAME_ROOM 128
/*
 * Polls without a frame after which it sleeps, and how long: a little at first, so that traffic that goes on is not
 * late, and longer the longer nothing comes.
 */
#define PATIENCE 32
#define SHORTEST_NS 20000
#define LONGEST_NS 1000000

enum { IN, OUT, PORTS };

struct plane {
	struct rte_mempool *buffers;
	uint16_t ports[PORTS];
	uint32_t empty, sleep_ns;
	struct plane_counts counts;
};

static uint32_t frame_size(uint32_t mtu)
{
	uint32_t size = 2048;

	while (size < mtu + FRAME_ROOM)
		size *= 2;
	return size;
}

/* It stays on no CPU of its own, has no files and no huge pages. */
static void start_eal(const char *const devices[PORTS], uint32_t mtu)
{
	char vdevs[PORTS][160], cores[48];
	const uint32_t size = frame_size(mtu);
	char *argv[16] = {"dpdk-lb", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m", "24",
			  "--iova-mode=va", "--log-level=error", cores};
	int argc = 10;

	snprintf(cores, sizeof(cores), "--lcores=0@(0-%ld)", sysconf(_SC_NPROCESSORS_ONLN) - 1);
	for (int i = 0; i < PORTS; i++) {
		snprintf(vdevs[i], sizeof(vdevs[i]),
			 "--vdev=net_af_packet%d,iface=%s,qpairs=1,framesz=%u,framecnt=%u,blocksz=%u,qdisc_bypass=1", i,
			 devices[i], size, i == IN ? RING_FRAMES : RING_FRAMES / 4, size * 2);
		argv[argc++] = vdevs[i];
	}
	if (rte_eal_init(argc, argv) < 0)
		fail(EXIT_ERROR, "Cannot start DPDK: %s.", rte_strerror(rte_errno));
}

static void open_port(struct plane *plane, int which, const char *device)
{
	const struct rte_eth_conf conf = {0};
	char name[32];
	uint16_t port;

	snprintf(name, sizeof(name), "net_af_packet%d", which);
	if (rte_eth_dev_get_port_by_name(name, &port))
		fail(EXIT_ERROR, "DPDK cannot use the interface '%s'.", device);
	if (rte_eth_dev_configure(port, 1, 1, &conf) || rte_eth_rx_queue_setup(port, 0, 256, 0, NULL, plane->buffers) ||
	    rte_eth_tx_queue_setup(port, 0, 256, 0, NULL) || rte_eth_dev_start(port))
		fail(EXIT_ERROR, "Cannot start the interface '%s' for DPDK: %s.", device, rte_strerror(rte_errno));
	plane->ports[which] = port;
}

struct plane *plane_open(const char *ingress, const char *egress, uint32_t mtu)
{
	const char *const devices[PORTS] = {ingress, egress};
	struct plane *plane = allocate(sizeof(*plane));

	start_eal(devices, mtu);
	plane->buffers = rte_pktmbuf_pool_create("frames", BUFFERS, 64, 0, RTE_PKTMBUF_HEADROOM + frame_size(mtu), 0);
	if (!plane->buffers)
		fail(EXIT_ERROR, "No memory for frames: %s.", rte_strerror(rte_errno));
	for (int i = 0; i < PORTS; i++)
		open_port(plane, i, devices[i]);
	return plane;
}

static void send_all(struct plane *plane, struct rte_mbuf **frames, uint16_t n)
{
	uint16_t sent = rte_eth_tx_burst(plane->ports[OUT], 0, frames, n);

	/* Once more, when the kernel has sent what was in the ring. */
	if (sent < n)
		sent += rte_eth_tx_burst(plane->ports[OUT], 0, frames + sent, n - sent);
	plane->counts.refused += n - sent;
	rte_pktmbuf_free_bulk(frames + sent, n - sent);
}

uint32_t plane_poll(struct plane *plane, plane_steer steer, void *context)
{
	struct rte_mbuf *frames[BATCH], *unused[BATCH];
	const uint16_t n = rte_eth_rx_burst(plane->ports[IN], 0, frames, BATCH);
	uint16_t sent = 0, dropped = 0;

	plane->counts.polls++;
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *frame = frames[i];

		if (steer(context, rte_pktmbuf_mtod(frame, uint8_t *), rte_pktmbuf_data_len(frame)))
			frames[sent++] = frame;
		else
			unused[dropped++] = frame;
	}
	if (sent > 0)
		send_all(plane, frames, sent);
	rte_pktmbuf_free_bulk(unused, dropped);
	return n;
}

void plane_rest(struct plane *plane, uint32_t n)
{
	if (n > 0) {
		plane->empty = 0;
		plane->sleep_ns = SHORTEST_NS;
		return;
	}
	if (++plane->empty < PATIENCE)
		return;
	plane->counts.sleeps++;
	nanosleep(&(struct timespec){.tv_nsec = plane->sleep_ns}, NULL);
	if (plane->sleep_ns < LONGEST_NS)
		plane->sleep_ns += plane->sleep_ns / 8;
}

void plane_counts(const struct plane *plane, struct plane_counts *counts)
{
	struct rte_eth_stats stats = {0};

	*counts = plane->counts;
	if (rte_eth_stats_get(plane->ports[IN], &stats) == 0)
		counts->missed = stats.imissed + stats.rx_nombuf;
}

void plane_close(struct plane *plane)
{
	for (int i = 0; i < PORTS; i++) {
		rte_eth_dev_stop(plane->ports[i]);
		rte_eth_dev_close(plane->ports[i]);
	}
	rte_eal_cleanup();
	release(plane);
}
