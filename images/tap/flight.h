/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The flight recorder: BPF programs at the fabric's ports write the beginning of each frame into rings that
 * overwrite themselves, so nothing has to be read while all goes well. Needs root in the initial user
 * namespace.
 */
#ifndef TAP_FLIGHT_H
#define TAP_FLIGHT_H

#include <stdint.h>

#define FLIGHT_SNAP 128
/* CPUs share so many rings at most: a power of two. */
#define FLIGHT_RINGS 4

/* A frame in a ring. */
struct flight_record {
	uint64_t t; /* CLOCK_MONOTONIC of the initial time namespace, ns */
	uint32_t ifindex;
	uint32_t length; /* of the whole frame */
	uint8_t data[FLIGHT_SNAP];
};

/* What a program tells at once: a frame that is a sign of trouble, or that a ring has gone on by a quarter.
 */
enum flight_kind { FLIGHT_QUARTER, FLIGHT_TROUBLE };

struct flight_sign {
	uint32_t kind;
	uint32_t length; /* of the whole frame */
	uint8_t data[FLIGHT_SNAP];
};

/* Where a ring stands, alone in its cache line. */
struct flight_position {
	uint64_t next;	 /* frames that were written since the start */
	uint64_t untold; /* signs for which there was no room */
	uint8_t rest[48];
};

#ifndef __bpf__
#include <stdbool.h>

#include "frame.h"
#include "out.h"

struct flight;

#ifdef FLIGHT_OBJECT
/* `mebibytes` of memory; control: only TCP with SYN, FIN or RST, ICMP and tunnels. NULL: this kernel, or
 * one's rights, do not allow it. */
struct flight *flight_open(struct out *out, const struct networks *clients, uint32_t mebibytes, bool control);

/* Records until a signal comes (util/signals.h), then writes what is left, counts, and closes. */
void flight_run(struct flight *flight, int signals);
#else
/* Built without clang for BPF or libbpf. */
static inline struct flight *flight_open(struct out *out, const struct networks *clients, uint32_t mebibytes,
					 bool control)
{
	(void)out, (void)clients, (void)mebibytes, (void)control;
	return NULL;
}
static inline void flight_run(struct flight *flight, int signals)
{
	(void)flight, (void)signals;
}
#endif
#endif

#endif
