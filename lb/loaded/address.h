// SPDX-License-Identifier: Apache-2.0
/* Addresses of 16 bytes, IPv4 as ::ffff:a.b.c.d, and their text. */
#ifndef LOADED_ADDRESS_H
#define LOADED_ADDRESS_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const uint8_t address_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static inline bool address_is_ip4(const uint8_t address[16])
{
	return memcmp(address, address_mapped, sizeof(address_mapped)) == 0;
}

static inline bool address_equal(const uint8_t a[16], const uint8_t b[16])
{
	return memcmp(a, b, 16) == 0;
}

/* Reads "a.b.c.d" or an IPv6 address. False: it is neither. */
static inline bool address_parse(const char *text, uint8_t address[16])
{
	memcpy(address, address_mapped, sizeof(address_mapped));
	return inet_pton(AF_INET, text, address + 12) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

struct address_text {
	char text[INET6_ADDRSTRLEN];
};

static inline struct address_text address_text(const uint8_t address[16])
{
	struct address_text out = {0};

	if (address_is_ip4(address))
		inet_ntop(AF_INET, address + 12, out.text, sizeof(out.text));
	else
		inet_ntop(AF_INET6, address, out.text, sizeof(out.text));
	return out;
}

#endif
