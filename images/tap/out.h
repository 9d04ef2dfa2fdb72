// SPDX-License-Identifier: Apache-2.0
/* The records on stdout (record.h). */
#ifndef TAP_OUT_H
#define TAP_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

#define PORTS_MAX 4096

enum port { PORT_UNKNOWN, PORT_OTHER, PORT_TESTER };

struct out {
	const char *tester;	  /* names, with commas between them */
	uint8_t ports[PORTS_MAX]; /* enum port by ifindex */
	struct record_end counts;
};

/* A frame as it came into a port. */
struct captured {
	const uint8_t *data;
	uint32_t captured, length;
	uint32_t ifindex;
	uint64_t t; /* CLOCK_MONOTONIC, ns */
};

/* Whether the port's name begins with one of the testers', and a dot follows. */
bool out_is_tester(const struct out *out, const char *port);

/* Of a port that is new its name is written once. */
enum port out_port(struct out *out, uint32_t ifindex);

void out_frame(struct out *out, const struct captured *captured);

/* The counts, with this process's CPU; nothing may be written after it. */
void out_end(struct out *out);

#endif
