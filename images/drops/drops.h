/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What the kernel's programs tell of a packet. */
#ifndef DROPS_H
#define DROPS_H

#include <stdint.h>

/* Ethernet's place is kept free; as much as `tap` keeps of a frame. */
#define EVENT_FRAME 14
#define EVENT_BYTES 128

enum event_kind { EVENT_DROP, EVENT_RESET, EVENT_KINDS };

struct event {
	uint64_t t;	   /* CLOCK_MONOTONIC of the initial time namespace, ns */
	uint64_t location; /* address in the kernel; 0: not known */
	uint32_t netns;	   /* inode */
	uint32_t reason;
	uint16_t protocol; /* EtherType, network order */
	uint8_t kind;
	uint8_t zero;
	uint8_t bytes[EVENT_BYTES]; /* from EVENT_FRAME on */
};

#endif
