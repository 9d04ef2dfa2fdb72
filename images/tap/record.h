// SPDX-License-Identifier: Apache-2.0
/*
 * What tap writes on stdout: records without padding between them, integers little endian as those of every
 * machine that it runs on. harness/tap/records.ts reads them.
 */
#ifndef TAP_RECORD_H
#define TAP_RECORD_H

#include <stdint.h>

enum record_kind {
	RECORD_PACKET = 1, /* `size` bytes of the frame follow */
	RECORD_PORT = 2,   /* `size` bytes of the name of the device with this `ifindex` follow */
	RECORD_END = 3,	   /* a struct record_end follows; nothing comes after it */
	/*
	 * A packet that a machine's kernel dropped, or answered by a reset: `ifindex` is the number of the machine. A byte,
	 * as many bytes of text ("dIP_RPFILTER ip_rcv_finish_core": dropped, the reason, the function; "rNO_SOCKET ": reset),
	 * and the beginning of the frame follow, all together `size` bytes. `drops` writes these.
	 */
	RECORD_DROP = 4,
};

struct record {
	uint8_t kind;
	uint8_t zero;
	uint16_t size;	  /* of what follows */
	uint32_t ifindex; /* the port of the fabric by which the frame came: its machine sent it */
	uint64_t t;	  /* CLOCK_MONOTONIC, ns */
	uint32_t length;  /* of the whole frame */
	uint32_t zero2;
};
_Static_assert(sizeof(struct record) == 24, "the record is read as it lies in memory");

struct record_end {
	uint64_t seen;	      /* frames that the filter took */
	uint64_t written;     /* records of them */
	uint64_t overwritten; /* frames of connections without trouble so far that made room */
	uint64_t dropped;     /* frames that the kernel had no room for */
	uint64_t untracked;   /* frames of connections for which there was no room in the table */
	uint64_t cpu_ns;
};
_Static_assert(sizeof(struct record_end) == 48, "the record is read as it lies in memory");

#endif
