// SPDX-License-Identifier: Apache-2.0
#include "faults.h"

#include "packet/bytes.h"
#include "util/memory.h"

#define ETHERNET 14

static uint32_t draw(uint64_t *random, uint32_t n)
{
	*random = *random * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(((*random >> 32) * n) >> 32);
}

struct fate fate_draw(const struct fault_rates *rates, uint64_t *random)
{
	struct fate fate = {.delay_ns = rates->delay_ns};

	fate.lost = draw(random, MILLION) < rates->lost;
	if (fate.lost)
		return fate;
	fate.copied = draw(random, MILLION) < rates->copied;
	fate.damaged = draw(random, MILLION) < rates->damaged;
	if (draw(random, MILLION) < rates->ahead)
		fate.delay_ns = 0;
	return fate;
}

bool frame_is_ip(const uint8_t *frame, size_t size)
{
	return size > ETHERNET && (load_be16(frame + 12) == 0x0800 || load_be16(frame + 12) == 0x86dd);
}

void frame_damage(uint8_t *frame, size_t size, uint64_t *random)
{
	const uint32_t bit = draw(random, (uint32_t)(size - ETHERNET) * 8);

	frame[ETHERNET + bit / 8] ^= 1 << bit % 8;
}

static bool is_before(const struct waiting *a, const struct waiting *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void swap(struct waiting *a, struct waiting *b)
{
	const struct waiting kept = *a;

	*a = *b;
	*b = kept;
}

void queue_put(struct queue *queue, uint64_t due, void *frame)
{
	size_t i = queue->n++;

	if (queue->n > queue->room) {
		queue->room = 2 * queue->room + 64;
		queue->list = reallocate(queue->list, queue->room * sizeof(*queue->list));
	}
	queue->list[i] = (struct waiting){due, queue->orders++, frame};
	for (; i > 0 && is_before(&queue->list[i], &queue->list[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&queue->list[i], &queue->list[(i - 1) / 2]);
}

void *queue_take(struct queue *queue, uint64_t now)
{
	struct waiting *list = queue->list;
	void *frame;
	size_t i = 0;

	if (queue->n == 0 || list[0].due > now)
		return NULL;
	frame = list[0].frame;
	list[0] = list[--queue->n];
	for (;;) {
		size_t least = i, child = 2 * i + 1;

		if (child < queue->n && is_before(&list[child], &list[least]))
			least = child;
		if (child + 1 < queue->n && is_before(&list[child + 1], &list[least]))
			least = child + 1;
		if (least == i)
			return frame;
		swap(&list[i], &list[least]);
		i = least;
	}
}
