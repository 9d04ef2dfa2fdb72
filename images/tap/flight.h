/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The flight recorder: BPF programs at the fabric's ports write the beginning of each frame into rings that
 * overwrite themselves, so nothing has to be read while all goes well. Needs root in the initial user
 * namespace.
 */
#ifndef TAP_FLIGHT_H
#define TAP_FLIGHT_H

#include <stdint.h>

#include "packet/bytes.h"

/* So that a frame in a ring takes two lines of the cache; a TCP header in IPv6 in IPv6 ends at 114. */
#define FLIGHT_SNAP 116
/* CPUs share so many rings at most: a power of two. */
#define FLIGHT_RINGS 4

/* A frame in a ring. */
struct flight_record {
	uint64_t t; /* CLOCK_MONOTONIC of the initial time namespace, ns */
	uint16_t ifindex;
	uint16_t length; /* of the whole frame; 65535: or more */
	uint8_t data[FLIGHT_SNAP];
};
_Static_assert(sizeof(struct flight_record) == 128, "two lines of the cache");

/* Beside each frame: a hash of its source and one of its destination, so that only frames that may be of a
 * connection are read. */
struct flight_marks {
	uint32_t source, destination;
};
#define FLIGHT_MARK_BITS 24
/* Frames of which the ends are not looked for: tunnels, errors, fragments. They may be anybody's. */
#define FLIGHT_ANYBODY 0

/* `ip`: of IPv4 its last four bytes count. */
static inline uint64_t flight_address(const uint8_t *ip, int family)
{
	if (family == 4)
		return load_le32(ip);
	return (uint64_t)(load_le32(ip) ^ load_le32(ip + 8)) << 32 |
	       (uint32_t)(load_le32(ip + 4) + load_le32(ip + 12));
}

/* An address and a port as one number, and its hash. */
static inline uint64_t flight_hash(uint64_t address, uint32_t port)
{
	return (address ^ (uint64_t)port << 48) * 0x9e3779b97f4a7c15;
}

/* Never FLIGHT_ANYBODY. */
static inline uint32_t flight_mark(uint64_t hash)
{
	return (uint32_t)(hash >> (64 - FLIGHT_MARK_BITS)) | 1;
}

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
