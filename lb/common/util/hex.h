// SPDX-License-Identifier: Apache-2.0
#ifndef LB_HEX_H
#define LB_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads `digits` hexadecimal digits. False: there are others among them, or their number is odd. */
bool hex_read(const char *text, size_t digits, uint8_t *bytes);

#endif
