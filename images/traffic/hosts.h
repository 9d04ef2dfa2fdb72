// SPDX-License-Identifier: Apache-2.0
/* The names of the targets that have answered, in order of first appearance. */
#ifndef TRAFFIC_HOSTS_H
#define TRAFFIC_HOSTS_H

#include <stddef.h>
#include <stdint.h>

#define HOST_NAME_BYTES 64
#define MAX_HOSTS 4096

struct host {
	char name[HOST_NAME_BYTES + 1];
	uint32_t live;	   /* connections it holds now */
	uint32_t answered; /* connections it ever answered */
};

struct hosts {
	struct host *list;
	uint16_t count;
	uint16_t reported; /* how many have been written in hosts lines */
	uint16_t *table;   /* open addressing; index + 1 */
};

void hosts_init(struct hosts *hosts);
void hosts_free(struct hosts *hosts);
/* The index of the name in bytes[0..length), which ends at the first NUL; NO_HOST if empty or one name too
 * many. */
uint16_t hosts_index(struct hosts *hosts, const char *bytes, size_t length);

#endif
