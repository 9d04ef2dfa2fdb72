// SPDX-License-Identifier: Apache-2.0
#include "parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool parse_u64(const char *text, void *to)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false; /* strtoull would take "-1" and " 1" */
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno || *end)
		return false;
	*(uint64_t *)to = value;
	return true;
}

bool parse_u32(const char *text, void *to)
{
	uint64_t value;

	if (!parse_u64(text, &value) || value > UINT32_MAX)
		return false;
	*(uint32_t *)to = (uint32_t)value;
	return true;
}

bool parse_port(const char *text, void *to)
{
	uint64_t value;

	if (!parse_u64(text, &value) || !value || value > UINT16_MAX)
		return false;
	*(uint16_t *)to = (uint16_t)value;
	return true;
}

/* A decimal number without sign, exponent or hexadecimal digits; *end is the first character after it. */
static bool parse_decimal(const char *text, double *value, const char **end)
{
	size_t length = strspn(text, "0123456789.");
	char copy[32], *stop;

	if (!length || length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = 0;
	*value = strtod(copy, &stop);
	*end = text + length;
	return !*stop && stop != copy && isfinite(*value);
}

bool parse_rate(const char *text, void *to)
{
	const char *end;
	double value;

	if (!parse_decimal(text, &value, &end) || *end || value > 1e9)
		return false;
	*(double *)to = value;
	return true;
}

bool parse_duration(const char *text, void *to)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"m", 60e9}};
	const char *unit;
	double value;

	if (!parse_decimal(text, &value, &unit))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(unit, units[i].name))
			continue;
		if (value * units[i].ns > 1e18)
			return false;
		*(uint64_t *)to = (uint64_t)(value * units[i].ns + 0.5);
		return true;
	}
	return false;
}

bool parse_address(const char *text, void *to)
{
	union address found = {0};

	if (inet_pton(AF_INET, text, &found.v4.sin_addr) == 1)
		found.v4.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &found.v6.sin6_addr) == 1)
		found.v6.sin6_family = AF_INET6;
	else
		return false;
	*(union address *)to = found;
	return true;
}

bool parse_endpoint(const char *text, void *to)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN];
	union address found;
	uint16_t port;

	if (!colon || !parse_port(colon + 1, &port))
		return false;
	size_t length = (size_t)(colon - text);
	bool bracketed = length > 2 && text[0] == '[' && text[length - 1] == ']';
	if (bracketed) {
		text++;
		length -= 2;
	}
	if (length >= sizeof(host))
		return false;
	memcpy(host, text, length);
	host[length] = 0;
	if (!parse_address(host, &found) || (found.any.sa_family == AF_INET6) != bracketed)
		return false;
	address_set_port(&found, port);
	*(union address *)to = found;
	return true;
}

/* Clears the bits behind the prefix, so that "50.0.1.2/16" means 50.0.0.0/16. */
static void cidr_mask(struct cidr *cidr)
{
	for (int bit = cidr->prefix; bit < 128; bit++)
		cidr->bytes[bit / 8] &= (uint8_t)~(0x80 >> (bit % 8));
}

bool parse_cidr(const char *text, void *to)
{
	const char *slash = strchr(text, '/');
	char host[INET6_ADDRSTRLEN];
	struct cidr cidr = {0};
	union address base;
	uint32_t prefix;

	if (!slash || (size_t)(slash - text) >= sizeof(host) || !parse_u32(slash + 1, &prefix))
		return false;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = 0;
	if (!parse_address(host, &base))
		return false;
	cidr.family = base.any.sa_family;
	uint32_t bits = cidr.family == AF_INET ? 32 : 128;
	if (prefix > bits)
		return false;
	cidr.prefix = (int)prefix;
	cidr.host_bits = bits - prefix > 16 ? 16 : (int)(bits - prefix);
	if (cidr.family == AF_INET)
		memcpy(cidr.bytes, &base.v4.sin_addr, 4);
	else
		memcpy(cidr.bytes, &base.v6.sin6_addr, 16);
	cidr_mask(&cidr);
	inet_ntop(cidr.family, cidr.bytes, host, sizeof(host));
	snprintf(cidr.text, sizeof(cidr.text), "%s/%u", host, prefix);
	*(struct cidr *)to = cidr;
	return true;
}

bool parse_part(const char *text, void *to)
{
	const char *slash = strchr(text, '/');
	uint32_t number, count;
	char first[12];

	if (!slash || (size_t)(slash - text) >= sizeof(first) || !parse_u32(slash + 1, &count))
		return false;
	memcpy(first, text, (size_t)(slash - text));
	first[slash - text] = 0;
	if (!parse_u32(first, &number) || !number || number > count)
		return false;
	*(struct part *)to = (struct part){.index = number - 1, .count = count};
	return true;
}

int address_family_number(const union address *address)
{
	return address->any.sa_family == AF_INET ? 4 : 6;
}

socklen_t address_length(const union address *address)
{
	return address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
}

uint16_t address_port(const union address *address)
{
	return ntohs(address->any.sa_family == AF_INET ? address->v4.sin_port : address->v6.sin6_port);
}

void address_set_port(union address *address, uint16_t port)
{
	if (address->any.sa_family == AF_INET)
		address->v4.sin_port = htons(port);
	else
		address->v6.sin6_port = htons(port);
}

const char *address_text(const union address *address, char *to)
{
	const void *bytes = address->any.sa_family == AF_INET ? (const void *)&address->v4.sin_addr
							      : (const void *)&address->v6.sin6_addr;

	return inet_ntop(address->any.sa_family, bytes, to, INET6_ADDRSTRLEN);
}
