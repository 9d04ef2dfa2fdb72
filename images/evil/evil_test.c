// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "util/check.h"
#include "util/memory.h"

#define N 200000

static bool is_near(uint32_t n, double share)
{
	return n > share * N * 0.95 - 10 && n < share * N * 1.05 + 10;
}

/* Member by member: what lies between them is nobody's. */
static bool is_same(const struct fate *a, const struct fate *b)
{
	return a->lost == b->lost && a->copied == b->copied && a->damaged == b->damaged && a->delay_ns == b->delay_ns;
}

static void test_shares(void)
{
	const struct fault_rates rates = {
		.lost = 100000, .copied = 50000, .damaged = 20000, .ahead = 250000, .delay_ns = 7};
	const struct fault_rates none = {0}, all = {.lost = MILLION};
	uint32_t lost = 0, copied = 0, damaged = 0, ahead = 0;
	uint64_t random = 1, again = 1;

	for (int i = 0; i < N; i++) {
		const struct fate fate = fate_draw(&rates, &random), same = fate_draw(&rates, &again);

		CHECK(is_same(&fate, &same));
		CHECK(!fate.lost || (!fate.copied && !fate.damaged));
		lost += fate.lost;
		copied += fate.copied;
		damaged += fate.damaged;
		ahead += fate.delay_ns == 0;
	}
	CHECK(is_near(lost, 0.1) && is_near(copied, 0.9 * 0.05) && is_near(damaged, 0.9 * 0.02), "%u %u %u", lost, copied,
	      damaged);
	CHECK(is_near(ahead, 0.9 * 0.25), "%u", ahead);
	for (int i = 0; i < 1000; i++) {
		const struct fate fate = fate_draw(&none, &random);

		CHECK(!fate.lost && !fate.copied && !fate.damaged && fate.delay_ns == 0);
		CHECK(fate_draw(&all, &random).lost);
	}
}

static void test_damage(void)
{
	uint8_t *frame = malloc(64);
	uint64_t random = 3;
	bool hit[64] = {0};

	for (int i = 0; i < 10000; i++) {
		uint32_t bits = 0;

		memset(frame, 0, 64);
		frame_damage(frame, 64, &random);
		for (int at = 0; at < 64; at++) {
			bits += (uint32_t)__builtin_popcount(frame[at]);
			hit[at] |= frame[at];
		}
		CHECK(bits == 1);
	}
	for (int at = 0; at < 64; at++)
		CHECK(hit[at] == (at >= 14), "%d", at);
	memset(frame, 0, 64);
	frame[12] = 8;
	CHECK(frame_is_ip(frame, 64) && !frame_is_ip(frame, 14));
	frame[13] = 6;
	CHECK(!frame_is_ip(frame, 64));
	free(frame);
}

static void test_queue(void)
{
	struct queue queue = {0};
	static int frames[1000];
	uint64_t random = 9, last = 0;
	int n = 0, *taken;

	CHECK(!queue_take(&queue, UINT64_MAX));
	for (int i = 0; i < 1000; i++) {
		random = random * 6364136223846793005 + 1442695040888963407;
		frames[i] = (int)(random >> 60);
		queue_put(&queue, (uint64_t)frames[i], &frames[i]);
	}
	CHECK(queue_take(&queue, 3) && queue.n == 999);
	for (const int *before = NULL; (taken = queue_take(&queue, UINT64_MAX)); before = taken, n++) {
		CHECK((uint64_t)*taken >= last);
		CHECK(!before || *before < *taken || before < taken, "of the same time the first one comes first");
		last = (uint64_t)*taken;
	}
	CHECK(n == 999);
	queue_put(&queue, 10, frames);
	CHECK(!queue_take(&queue, 9) && queue_take(&queue, 10) == frames);
	release(queue.list);
}

int main(void)
{
	test_shares();
	test_damage();
	test_queue();
	return check_report("evil");
}
