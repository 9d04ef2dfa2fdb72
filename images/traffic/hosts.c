// SPDX-License-Identifier: Apache-2.0
#include "hosts.h"

#include <stdbool.h>
#include <string.h>

#include "util/memory.h"
#include "row.h"

#define TABLE_SLOTS (2 * MAX_HOSTS)

void hosts_init(struct hosts *hosts)
{
	*hosts = (struct hosts){.list = allocate(MAX_HOSTS * sizeof(struct host)),
				.table = allocate(TABLE_SLOTS * sizeof(uint16_t))};
}

void hosts_free(struct hosts *hosts)
{
	release(hosts->list);
	release(hosts->table);
}

static bool same_name(const struct host *host, const char *bytes, size_t length)
{
	return !memcmp(host->name, bytes, length) && !host->name[length];
}

uint16_t hosts_index(struct hosts *hosts, const char *bytes, size_t length)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	length = strnlen(bytes, length < HOST_NAME_BYTES ? length : HOST_NAME_BYTES);
	if (!length)
		return NO_HOST;
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)bytes[i]) * 16777619u;
	uint32_t slot = hash % TABLE_SLOTS;
	for (; hosts->table[slot]; slot = (slot + 1) % TABLE_SLOTS) {
		uint16_t index = hosts->table[slot] - 1;

		if (same_name(&hosts->list[index], bytes, length))
			return index;
	}
	if (hosts->count == MAX_HOSTS)
		return NO_HOST;
	memcpy(hosts->list[hosts->count].name, bytes, length);
	hosts->table[slot] = ++hosts->count;
	return hosts->count - 1;
}
