// SPDX-License-Identifier: Apache-2.0
#include "flows.h"

#include <string.h>

#include "table/hash.h"
#include "util/memory.h"

void flows_open(struct flows *flows, uint32_t slots)
{
	*flows = (struct flows){.slots = allocate(slots * sizeof(*flows->slots)), .mask = slots - 1};
}

void flows_close(struct flows *flows)
{
	release(flows->slots);
}

struct flow_slot *flows_find(struct flows *flows, const struct client *client, bool add)
{
	uint32_t at = murmur3_32(client, sizeof(*client), 0) & flows->mask;
	struct flow_slot *slot = &flows->slots[at];

	for (; slot->used; slot = &flows->slots[at]) {
		if (memcmp(&slot->client, client, sizeof(*client)) == 0)
			return slot;
		at = (at + 1) & flows->mask;
	}
	if (!add || flows->used > flows->mask / 2)
		return NULL;
	flows->used++;
	slot->used = true;
	slot->client = *client;
	return slot;
}

bool flows_note(struct flows *flows, const struct frame *frame, bool first_hop)
{
	struct flow_slot *slot = flows_find(flows, &frame->client, true);
	const uint32_t next = frame->sequence + frame->taken;

	if (!slot)
		return false;
	if (frame->sign == FRAME_RESET || frame->sign == FRAME_ERROR)
		slot->trouble = true;
	if (frame->sign != FRAME_REQUEST || !first_hop)
		return true;
	/* Numbers wrap around: half of them lie behind. */
	if (slot->known && (frame->begins ? next == slot->next : (int32_t)(next - slot->next) <= 0))
		slot->trouble = true;
	else
		slot->next = next;
	slot->known = true;
	return true;
}
