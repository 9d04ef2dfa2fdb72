// SPDX-License-Identifier: Apache-2.0
/*
 * The AF_XDP rings as the kernel lays them out: descriptors of 16 bytes on the receive and send rings,
 * addresses of 8 on the fill and completion rings. Here they lie in memory of exactly their size, and we are
 * the kernel.
 */
#include <linux/if_xdp.h>
#include <stdlib.h>

#include "util/check.h"
#include "xsk.h"

#define SIZE 8u
#define CHUNK 4096u
/* Ends of rings are counted on beyond their size, and beyond 32 bits. */
#define BEGIN (UINT32_MAX - 2)

struct kernel_ring {
	uint32_t producer, consumer;
	void *entries;
};

static struct xsk_ring open_ring(struct kernel_ring *kernel, size_t entry)
{
	*kernel = (struct kernel_ring){BEGIN, BEGIN, calloc(SIZE, entry)};
	return (struct xsk_ring){.producer = &kernel->producer,
				 .consumer = &kernel->consumer,
				 .entries = kernel->entries,
				 .mask = SIZE - 1,
				 .at = BEGIN};
}

static void fill_and_completion_hold_addresses(void)
{
	struct kernel_ring fill, completion;
	struct xsk_pair pair = {.chunk = CHUNK,
				.in.fill = open_ring(&fill, sizeof(uint64_t)),
				.out.completion = open_ring(&completion, sizeof(uint64_t))};
	uint64_t done[SIZE];

	pair.sender = &pair.out;
	for (uint32_t round = 0; round < 3; round++) {
		/* A frame that was received begins after headroom of 256 bytes. */
		for (uint64_t i = 0; i < SIZE; i++)
			xsk_give_back(&pair, &(uint64_t){(round + i) * CHUNK + 256}, 1);
		CHECK(fill.producer - fill.consumer == SIZE, "%u", fill.producer - fill.consumer);
		for (uint32_t i = 0; i < SIZE; i++) {
			const uint64_t given = ((uint64_t *)fill.entries)[fill.consumer++ & (SIZE - 1)];

			CHECK(given == (round + i) * CHUNK, "round %u, entry %u: %#lx", round, i, given);
			((uint64_t *)completion.entries)[completion.producer++ & (SIZE - 1)] = given;
		}
		CHECK(xsk_completed(&pair, done, 5) == 5, "no more than asked for");
		CHECK(xsk_completed(&pair, done + 5, SIZE) == SIZE - 5, "the others");
		CHECK(xsk_completed(&pair, done, SIZE) == 0, "none twice");
		CHECK(completion.consumer == completion.producer, "%u of %u", completion.consumer,
		      completion.producer);
		for (uint32_t i = 0; i < SIZE; i++)
			CHECK(done[i] == (round + i) * CHUNK, "round %u, entry %u: %#lx", round, i, done[i]);
	}
	free(fill.entries);
	free(completion.entries);
}

static void receive_and_send_hold_descriptors(void)
{
	struct kernel_ring receive, send;
	struct xsk_pair pair = {.in.receive = open_ring(&receive, sizeof(struct xdp_desc)),
				.out.send = open_ring(&send, sizeof(struct xdp_desc))};
	struct xsk_frame frames[SIZE];

	pair.sender = &pair.out;
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < SIZE; i++)
			((struct xdp_desc *)receive.entries)[receive.producer++ & (SIZE - 1)] =
				(struct xdp_desc){.addr = (round + i) * CHUNK + 256, .len = 60 + i};
		CHECK(xsk_receive(&pair, frames, 3) == 3, "no more than asked for");
		CHECK(xsk_receive(&pair, frames + 3, SIZE) == SIZE - 3, "the others");
		CHECK(xsk_receive(&pair, frames, SIZE) == 0, "none twice");
		CHECK(receive.consumer == receive.producer, "%u of %u", receive.consumer, receive.producer);
		CHECK(xsk_send_room(&pair) == SIZE, "%u", xsk_send_room(&pair));
		xsk_send(&pair, frames, SIZE);
		CHECK(xsk_send_room(&pair) == 0, "%u", xsk_send_room(&pair));
		for (uint32_t i = 0; i < SIZE; i++) {
			const struct xdp_desc *sent =
				(struct xdp_desc *)send.entries + (send.consumer & (SIZE - 1));

			CHECK(xsk_unsent(&pair) == SIZE - i, "%u", xsk_unsent(&pair));
			CHECK(sent->addr == (round + i) * CHUNK + 256 && sent->len == 60 + i &&
				      sent->options == 0,
			      "round %u, entry %u: %#llx, %u bytes", round, i, sent->addr, sent->len);
			send.consumer++;
		}
		CHECK(xsk_unsent(&pair) == 0, "%u", xsk_unsent(&pair));
	}
	free(receive.entries);
	free(send.entries);
}

int main(void)
{
	fill_and_completion_hold_addresses();
	receive_and_send_hold_descriptors();
	return check_report("xsk_test");
}
