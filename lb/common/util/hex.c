// SPDX-License-Identifier: Apache-2.0
#include "util/hex.h"

#include <string.h>

static int digit_value(char digit)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *at = digit ? strchr(digits, digit) : NULL;
	const int place = at ? (int)(at - digits) : -1;

	return place < 16 ? place : place - 6;
}

bool hex_read(const char *text, size_t digits, uint8_t *bytes)
{
	if (digits % 2)
		return false;
	for (size_t i = 0; i < digits; i += 2) {
		const int high = digit_value(text[i]), low = high < 0 ? -1 : digit_value(text[i + 1]);

		if (low < 0)
			return false;
		bytes[i / 2] = (uint8_t)(high << 4 | low);
	}
	return true;
}
