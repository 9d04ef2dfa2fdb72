// SPDX-License-Identifier: Apache-2.0
#include "query.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet/protocols.h"

char query_error[160];

bool query_reject(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(query_error, sizeof(query_error), format, args);
	va_end(args);
	return false;
}

bool query_number(const char *text, uint32_t max, uint32_t *number)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end || value > max)
		return false;
	*number = value;
	return true;
}

static bool read_protocol(const char *text, uint8_t *protocol)
{
	return protocol_number(text, protocol) || query_reject("Unknown protocol '%s'. Use " PROTOCOL_NAMES, text);
}

static bool read_address(const char *text, uint8_t address[16])
{
	memset(address, 0, 10);
	memset(address + 10, 0xff, 2);
	if (inet_pton(AF_INET, text, address + 12) == 1 || inet_pton(AF_INET6, text, address) == 1)
		return true;
	return query_reject("'%s' is not an IP address", text);
}

static bool read_port(const char *text, uint8_t port[2])
{
	uint32_t number;

	if (!query_number(text, UINT16_MAX, &number))
		return query_reject("'%s' is not a port", text);
	port[0] = number >> 8;
	port[1] = number;
	return true;
}

/* Brings a key with everything filled in to what the packet parser would make of such a packet. */
static enum flow_kind normalize(struct flow_key *key, bool ports)
{
	const bool echo = key->protocol == 1 || key->protocol == 58;
	const enum flow_kind kind = echo				     ? FLOW_ICMP_ECHO
				    : flow_protocol_has_ports(key->protocol) ? FLOW_PORTS
									     : FLOW_OTHER_PROTOCOL;

	if (!ports)
		key->protocol = 0;
	if (!ports || kind == FLOW_OTHER_PROTOCOL)
		memset(key->source_port, 0, 2);
	if (!ports || kind != FLOW_PORTS)
		memset(key->destination_port, 0, 2);
	return kind;
}

bool query_tuple(char *const fields[5], bool ports, struct flow_key *key, enum flow_kind *kind)
{
	*key = (struct flow_key){0};
	if (!read_protocol(fields[0], &key->protocol) || !read_address(fields[1], key->source) ||
	    !read_port(fields[2], key->source_port) || !read_address(fields[3], key->destination) ||
	    !read_port(fields[4], key->destination_port))
		return false;
	if (!strchr(fields[1], ':') != !strchr(fields[3], ':'))
		return query_reject("Source and destination are of different families");
	*kind = normalize(key, ports);
	return true;
}

void query_endpoint(char *text, char **address, char **port)
{
	static char none[] = "0";
	char *colon = strrchr(text, ':'), *bracket = strchr(text, ']');

	*address = text;
	*port = none;
	if (*text == '[' && bracket) {
		*address = text + 1;
		*bracket = '\0';
		if (bracket[1] == ':')
			*port = bracket + 2;
	} else if (colon && colon == strchr(text, ':')) {
		*colon = '\0';
		*port = colon + 1;
	}
}
