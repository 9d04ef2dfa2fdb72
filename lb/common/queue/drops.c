// SPDX-License-Identifier: Apache-2.0
#include "queue/drops.h"

#include <inttypes.h>

#include "json/json.h"

FILE *queue_drops_open(void)
{
	return fopen("/proc/self/net/netfilter/nfnetlink_queue", "re");
}

/*
 * Lines of queue number, port id, waiting, copy mode, copy range, queue dropped, user dropped, ... for the
 * queues bound in this network namespace.
 */
void queue_drops_json(struct text *text, FILE *list, uint32_t first, uint32_t n)
{
	uint64_t queue_dropped = 0, user_dropped = 0, full, user;
	unsigned queue, waiting;
	char line[256];

	json_array(text, "queues");
	if (list)
		rewind(list);
	while (list && fgets(line, sizeof(line), list)) {
		if (sscanf(line, "%u %*u %u %*u %*u %" SCNu64 " %" SCNu64, &queue, &waiting, &full, &user) !=
			    4 ||
		    queue - first >= n)
			continue;
		json_object(text, NULL);
		json_number(text, "queue", queue);
		json_number(text, "waiting", waiting);
		json_number(text, "queue_dropped", full);
		json_number(text, "user_dropped", user);
		json_object_end(text);
		queue_dropped += full;
		user_dropped += user;
	}
	json_array_end(text);
	json_number(text, "queue_dropped", queue_dropped);
	json_number(text, "user_dropped", user_dropped);
}
