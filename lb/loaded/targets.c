// SPDX-License-Identifier: Apache-2.0
#include "targets.h"

#include "address.h"
#include "table/hash.h"

#define SLOTS (2 * TARGETS_MAX)

void targets_init(struct targets *targets, enum target_scheduler scheduler)
{
	memset(targets, 0, sizeof(*targets));
	targets->scheduler = scheduler;
	targets->last[0] = targets->last[1] = NO_TARGET;
	pthread_mutex_init(&targets->lock, NULL);
}

/* Of the address's slot, or of the free one that ends the search. */
static uint32_t slot_of(const struct targets *targets, const uint8_t address[16], uint32_t *index)
{
	uint32_t slot = murmur3_32(address, 16, 0) % SLOTS;
	uint32_t taken;

	while ((taken = atomic_load_explicit(&targets->slots[slot], memory_order_acquire))) {
		*index = taken - 1;
		if (address_equal(targets->list[*index].address, address))
			return slot;
		slot = (slot + 1) % SLOTS;
	}
	*index = NO_TARGET;
	return slot;
}

uint32_t targets_find(const struct targets *targets, const uint8_t address[16])
{
	uint32_t index;

	slot_of(targets, address, &index);
	return index;
}

bool targets_has(const struct targets *targets, const uint8_t address[16])
{
	const uint32_t index = targets_find(targets, address);

	return index != NO_TARGET && target_state(targets, index) != TARGET_UNPROVEN;
}

uint32_t targets_add(struct targets *targets, const uint8_t address[16], bool found)
{
	uint32_t index, slot;

	pthread_mutex_lock(&targets->lock);
	slot = slot_of(targets, address, &index);
	if (index == NO_TARGET && atomic_load(&targets->n) < TARGETS_MAX) {
		index = atomic_load(&targets->n);
		memcpy(targets->list[index].address, address, 16);
		targets->list[index].found = found;
		atomic_store(&targets->list[index].state, found ? TARGET_UNPROVEN : TARGET_GONE);
		atomic_store(&targets->n, index + 1);
		atomic_store_explicit(&targets->slots[slot], (uint16_t)(index + 1), memory_order_release);
	}
	pthread_mutex_unlock(&targets->lock);
	return index;
}

enum target_state targets_set_state(struct targets *targets, uint32_t index, enum target_state state)
{
	enum target_state before;

	/* Whoever chooses holds the lock: once this is done nobody is given to a target that has left. */
	pthread_mutex_lock(&targets->lock);
	before = atomic_exchange(&targets->list[index].state, state);
	pthread_mutex_unlock(&targets->lock);
	return before;
}

static bool is_eligible(const struct target *target, bool ip4)
{
	return atomic_load(&target->state) == TARGET_ACTIVE && address_is_ip4(target->address) == ip4;
}

/* The next one behind the last, or the one with the fewest clients: of equal ones, the next. */
static uint32_t choose(const struct targets *targets, bool ip4)
{
	const uint32_t n = atomic_load(&targets->n), last = targets->last[ip4];
	const uint32_t start = last == NO_TARGET ? 0 : last + 1;
	uint32_t best = NO_TARGET, fewest = 0;

	for (uint32_t i = 0; i < n; i++) {
		const uint32_t index = (start + i) % n;
		const struct target *target = &targets->list[index];
		const uint32_t clients = atomic_load_explicit(&target->clients, memory_order_relaxed);

		if (!is_eligible(target, ip4) || (best != NO_TARGET && clients >= fewest))
			continue;
		best = index;
		fewest = clients;
		if (targets->scheduler == SCHEDULER_RR)
			break;
	}
	return best;
}

uint32_t targets_choose(struct targets *targets, const uint8_t client[16])
{
	const bool ip4 = address_is_ip4(client);
	uint32_t index;

	pthread_mutex_lock(&targets->lock);
	index = choose(targets, ip4);
	if (index != NO_TARGET) {
		targets->last[ip4] = index;
		atomic_fetch_add(&targets->list[index].clients, 1);
		atomic_fetch_add(&targets->list[index].picked, 1);
	}
	pthread_mutex_unlock(&targets->lock);
	return index;
}
