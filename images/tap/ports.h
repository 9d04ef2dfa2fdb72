// SPDX-License-Identifier: Apache-2.0
/* The fabric's ports, and the flight recorder's programs at their ingress. */
#ifndef TAP_PORTS_H
#define TAP_PORTS_H

#include <stdbool.h>
#include <stdint.h>
#include <bpf/libbpf.h>

#include "out.h"

/* What stands at a port, if no link (>= 0). */
enum { NO_PROGRAM = -1, CLASSIFIER = -2 };

struct ports {
	struct out *out;
	int on_tester, on_other; /* programs */
	int links;		 /* readable: devices came or went; -1: none */
	uint32_t n;		 /* ports with a program */
	int attached[PORTS_MAX]; /* by ifindex */
};

/* To every port that there is now. False: there is none, or one that cannot be listened to. */
bool ports_open(struct ports *ports, const struct bpf_object *object, struct out *out);

/* To those that came. */
void ports_take_changes(struct ports *ports);

/* The programs leave; a second time it does nothing. */
void ports_close(struct ports *ports);

#endif
