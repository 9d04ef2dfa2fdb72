// SPDX-License-Identifier: Apache-2.0
/*
 * Datagrams whose every byte is known from their number, and the receipts that answer them. So a receiver can
 * tell that a datagram came through whole, and whoever sent it which target says so.
 */
#ifndef TRAFFIC_DATAGRAM_H
#define TRAFFIC_DATAGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "hosts.h"

#define DATAGRAM_HEADER 24 /* magic, flow, number, size; little endian */

struct datagram {
	uint32_t flow, number, bytes;
};

/* Host name and NULs, then these. */
struct receipt {
	uint32_t flow, number, whole;
};
#define RECEIPT_BYTES (HOST_NAME_BYTES + sizeof(struct receipt))

/* Fills d->bytes bytes, which are DATAGRAM_HEADER or more. */
void datagram_fill(const struct datagram *d, uint8_t *to);

/* False: not one of ours. *whole: all of it is as it was sent. */
bool datagram_read(const uint8_t *from, uint32_t bytes, struct datagram *d, bool *whole);

/* Writes RECEIPT_BYTES bytes. */
void receipt_write(const char *name, const struct datagram *d, bool whole, uint8_t *to);
bool receipt_read(const uint8_t *from, uint32_t bytes, struct receipt *receipt);

#endif
