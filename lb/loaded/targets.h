// SPDX-License-Identifier: Apache-2.0
/*
 * The targets: addresses with a state, and who gets the next new client. An address keeps its index for ever,
 * so readers need no lock. A target is of one family: a machine with two addresses is two targets.
 */
#ifndef LOADED_TARGETS_H
#define LOADED_TARGETS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define TARGETS_MAX 2048
#define NO_TARGET UINT32_MAX

enum target_state {
	TARGET_ACTIVE,
	TARGET_DRAINED, /* keeps its clients, gets no new ones */
	TARGET_GONE,	/* its clients go to others */
	TARGET_UNPROVEN, /* somebody who answered an echo: what it sends is none of ours */
};

enum target_scheduler {
	SCHEDULER_RR,
	SCHEDULER_WEIGHTED, /* whoever has the fewest clients */
};

struct target {
	uint8_t address[16];
	_Atomic uint32_t state;	   /* enum target_state */
	_Atomic uint32_t clients;
	_Atomic uint64_t picked;   /* new clients since the start */
	bool found;		   /* nobody configured it */
	_Atomic bool out_of_order; /* taken out by hand: answering does not bring it back */
};

struct targets {
	struct target list[TARGETS_MAX];
	_Atomic uint32_t n;
	_Atomic uint16_t slots[2 * TARGETS_MAX]; /* index + 1 by address; 0: free */
	enum target_scheduler scheduler;
	uint32_t last[2]; /* who got the last client, of each family */
	pthread_mutex_t lock;
};

void targets_init(struct targets *targets, enum target_scheduler scheduler);

/* The index of an address, or NO_TARGET. */
uint32_t targets_find(const struct targets *targets, const uint8_t address[16]);

/* Whether it is the address of a target, or was one. */
bool targets_has(const struct targets *targets, const uint8_t address[16]);

/* The index of an address, for which room is made; NO_TARGET: there is none. A new one is TARGET_GONE, or TARGET_UNPROVEN if found. */
uint32_t targets_add(struct targets *targets, const uint8_t address[16], bool found);

/* Returns the state before. */
enum target_state targets_set_state(struct targets *targets, uint32_t index, enum target_state state);

/* An active target of the address's family for a new client, which is counted; NO_TARGET: none is active. */
uint32_t targets_choose(struct targets *targets, const uint8_t client[16]);

/* A client of it was forgotten. */
static inline void targets_release(struct targets *targets, uint32_t index)
{
	atomic_fetch_sub_explicit(&targets->list[index].clients, 1, memory_order_relaxed);
}

static inline enum target_state target_state(const struct targets *targets, uint32_t index)
{
	return atomic_load_explicit(&targets->list[index].state, memory_order_acquire);
}

#endif
