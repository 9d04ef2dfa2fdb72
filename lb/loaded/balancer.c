// SPDX-License-Identifier: Apache-2.0
#include "balancer.h"

#include "util/clock.h"

void balancer_set_state(struct balancer *balancer, uint32_t target, enum target_state state)
{
	if (targets_set_state(&balancer->targets, target, state) == state)
		return;
	if (state == TARGET_GONE)
		atomic_fetch_add(&balancer->forgotten, clients_forget_gone(balancer->clients));
	atomic_store(&balancer->changed_ns, clock_ns());
}
