// SPDX-License-Identifier: Apache-2.0
/* Counters of frames in words. */
#ifndef XDP_STEER_TEXT_H
#define XDP_STEER_TEXT_H

#include <stdint.h>

#include "json/text.h"

const char *steer_counter_name(unsigned counter);

/* The sum of all outcomes, each counter of enum steer_counter, and the picks of n targets, as members of an object. */
void steer_counts_json(struct text *out, const uint64_t *counts, const uint64_t *picks, uint32_t n);

#endif
