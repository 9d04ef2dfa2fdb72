// SPDX-License-Identifier: Apache-2.0
#include "flow_text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "packet/protocols.h"
#include "util/hex.h"

#define WORD_MAX 128

/* Cuts off the next part of a list; false: there is none. */
static bool next_word(const char **list, const char *what, char word[WORD_MAX])
{
	const size_t length = *list ? strcspn(*list, ",") : 0;

	if (!*list)
		return false;
	if (length == 0 || length >= WORD_MAX)
		fail(EXIT_USAGE, "%s: '%s' has an empty or too long part.", what, *list);
	memcpy(word, *list, length);
	word[length] = '\0';
	*list = (*list)[length] ? *list + length + 1 : NULL;
	return true;
}

static void require_room(uint32_t n, uint32_t max, const char *what)
{
	if (n >= max)
		fail(EXIT_USAGE, "%s: at most %u of them.", what, max);
}

void flow_text_protocols(const char *list, struct flow_rule *rule)
{
	char word[WORD_MAX];

	while (next_word(&list, "--protocols", word)) {
		require_room(rule->protocols_n, FLOW_PROTOCOLS_MAX, "--protocols");
		if (!protocol_number(word, &rule->protocols[rule->protocols_n++]))
			fail(EXIT_USAGE, "Unknown protocol '%s'. Use " PROTOCOL_NAMES ".", word);
	}
}

/* "10.0.0.0/24", or an address alone. The bits behind the prefix are not looked at. */
static void read_network(char *word, struct address_range *range)
{
	char *slash = strchr(word, '/');
	uint32_t bits, prefix;

	if (slash)
		*slash = '\0';
	memset(range->low, 0, 10);
	memset(range->low + 10, 0xff, 2);
	if (inet_pton(AF_INET, word, range->low + 12) == 1)
		bits = 32;
	else if (inet_pton(AF_INET6, word, range->low) == 1)
		bits = 128;
	else
		fail(EXIT_USAGE, "'%s' is not an IP address.", word);
	prefix = 128 - bits + (slash ? parse_number(slash + 1, "The length of a prefix", 0, bits) : bits);
	for (uint32_t i = 0; i < 16; i++) {
		const uint32_t fixed = prefix > 8 * i ? prefix - 8 * i : 0;
		const uint8_t hosts = fixed >= 8 ? 0 : 0xff >> fixed;

		range->low[i] &= ~hosts;
		range->high[i] = range->low[i] | hosts;
	}
}

/* IPv4 lives at ::ffff:0:0/96, which an IPv6 network around it does not mean. */
static bool surrounds_ip4(const struct address_range *range)
{
	static const uint8_t ip4[12] = {[10] = 0xff, 0xff};

	return memcmp(range->low, ip4, 12) < 0 && memcmp(range->high, ip4, 12) > 0;
}

uint8_t flow_text_networks(const char *list, struct address_range ranges[FLOW_RANGES_MAX])
{
	static const uint8_t below[16] = {[10] = 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff}, above[16] = {[9] = 1};
	char word[WORD_MAX];
	uint8_t n = 0;

	while (next_word(&list, "A list of networks", word)) {
		require_room(n, FLOW_RANGES_MAX - 1, "Networks");
		read_network(word, &ranges[n++]);
		if (!surrounds_ip4(&ranges[n - 1]))
			continue;
		ranges[n] = ranges[n - 1];
		memcpy(ranges[n - 1].high, below, 16);
		memcpy(ranges[n++].low, above, 16);
	}
	return n;
}

uint8_t flow_text_ports(const char *list, struct port_range ranges[FLOW_RANGES_MAX])
{
	char word[WORD_MAX];
	uint8_t n = 0;

	while (next_word(&list, "A list of ports", word)) {
		char *dash = strchr(word, '-');

		require_room(n, FLOW_RANGES_MAX, "Ports");
		if (dash)
			*dash = '\0';
		ranges[n].low = parse_number(word, "A port", 0, UINT16_MAX);
		ranges[n].high = dash ? parse_number(dash + 1, "The last port", ranges[n].low, UINT16_MAX)
				      : ranges[n].low;
		n++;
	}
	return n;
}

/* Returns the number of bytes. */
static uint32_t read_hex(const char *text, uint8_t bytes[FLOW_MATCH_BYTES])
{
	const size_t length = strlen(text);

	if (length == 0 || length > 2 * FLOW_MATCH_BYTES || !hex_read(text, length, bytes))
		fail(EXIT_USAGE, "'%s' must be 1 to %d bytes in hexadecimal.", text, FLOW_MATCH_BYTES);
	return length / 2;
}

void flow_text_matches(const char *list, struct flow_rule *rule)
{
	char word[WORD_MAX];

	while (next_word(&list, "--match", word)) {
		struct byte_match *m = &rule->matches[rule->matches_n];
		char *colon = strchr(word, ':'), *slash;

		require_room(rule->matches_n++, FLOW_MATCHES_MAX, "--match");
		if (!colon)
			fail(EXIT_USAGE, "--match takes 'offset:hex' or 'offset:hex/mask', not '%s'.", word);
		*colon++ = '\0';
		slash = strchr(colon, '/');
		if (slash)
			*slash++ = '\0';
		m->offset = parse_number(word, "An offset", 0, 1500);
		m->size = read_hex(colon, m->value);
		memset(m->mask, 0xff, sizeof(m->mask));
		if (slash && read_hex(slash, m->mask) != m->size)
			fail(EXIT_USAGE, "The mask '%s' must be as long as '%s'.", slash, colon);
	}
}
