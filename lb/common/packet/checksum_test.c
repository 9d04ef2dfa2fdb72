// SPDX-License-Identifier: Apache-2.0
#include "packet/checksum.h"

#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "util/hex.h"

/* RFC 1071's example: the sum of 00 01 f2 03 f4 f5 f6 f7 is ddf2. */
static void test_checksum(void)
{
	static const uint8_t words[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	uint8_t frame[20] = {0};

	memcpy(frame + 10, words, sizeof(words));
	CHECK(checksum_finish(frame, 20, 10, 8));
	CHECK(frame[18] == 0x22 && frame[19] == 0x0d);
	memset(frame, 0, sizeof(frame));
	frame[12] = frame[13] = 0xff;
	CHECK(checksum_finish(frame, 20, 10, 6) && frame[16] == 0xff && frame[17] == 0xff);
	frame[19] = 1;
	memset(frame + 10, 0, 9);
	CHECK(checksum_finish(frame, 19, 10, 6) && frame[16] == 0xff);
	CHECK(!checksum_finish(frame, 20, 20, 0) && !checksum_finish(frame, 20, 10, 9));
	CHECK(!checksum_finish(frame, 20, UINT32_MAX, 0));
}

/* A frame; what its last `padding` bytes are does not matter. */
static bool finish(const char *hex, size_t padding, uint8_t out[2], size_t at)
{
	const size_t digits = strlen(hex), size = digits / 2;
	uint8_t *frame = malloc(size + padding);
	bool done;

	CHECK(hex_read(hex, digits, frame));
	memset(frame + size, 0xaa, padding);
	done = checksum_finish_partial(frame, size + padding);
	memcpy(out, frame + at, 2);
	free(frame);
	return done;
}

#define MACS "000000010101000000010202"
/* 50.0.0.1:1 to 10.0.0.0:443, UDP with 4 bytes "abcd": the pseudo header's sum is 3c1e. */
#define IP4 MACS "0800" "45000020000840004011000032000001" "0a000000" "000101bb000c"
#define IP6 MACS "86dd" "60000000000c1140" "20000000000000000000000000000001" "10000000000000000000000000000000" "000101bb000c"

static void test_partial(void)
{
	static const char fragment[] = MACS "0800" "45000020000820004011000032000001" "0a000000" "000101bb000c" "3c1e" "61626364";
	uint8_t sum[2];

	CHECK(finish(IP4 "3c1e" "61626364", 0, sum, 40) && sum[0] == 0xfd && sum[1] == 0x52, "%02x%02x", sum[0], sum[1]);
	CHECK(finish(IP4 "3c1e" "61626364", 6, sum, 40) && sum[0] == 0xfd && sum[1] == 0x52, "%02x%02x", sum[0], sum[1]);
	CHECK(!finish(IP4 "fd52" "61626364", 0, sum, 40) && sum[0] == 0xfd && sum[1] == 0x52);
	CHECK(!finish(IP4 "3c1f" "61626364", 0, sum, 40) && sum[0] == 0x3c, "damaged ones stay so");
	CHECK(finish(IP6 "301e" "61626364", 0, sum, 60) && sum[0] == 0x09 && sum[1] == 0x53, "%02x%02x", sum[0], sum[1]);
	CHECK(!finish(fragment, 0, sum, 40) && sum[0] == 0x3c);
	for (size_t cut = 0; cut < sizeof(IP4) / 2; cut++) {
		uint8_t *frame = calloc(1, cut + !cut);

		hex_read(IP4, 2 * cut, frame);
		CHECK(!checksum_finish_partial(frame, cut));
		free(frame);
	}
}

int main(void)
{
	test_checksum();
	test_partial();
	return check_report("checksum");
}
