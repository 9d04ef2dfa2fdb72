// SPDX-License-Identifier: Apache-2.0
/* Internet checksums that their sender left to the hardware: the field holds the sum of the pseudo header only. */
#ifndef LB_CHECKSUM_H
#define LB_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Over all from `start` on, put at `offset` from there. False: it does not fit. */
bool checksum_finish(uint8_t *frame, size_t size, uint32_t start, uint32_t offset);

/* Of an Ethernet frame with a whole TCP segment or UDP datagram, if its checksum is unfinished. Whether it was. */
bool checksum_finish_partial(uint8_t *frame, size_t size);

#endif
