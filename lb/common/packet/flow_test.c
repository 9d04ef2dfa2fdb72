// SPDX-License-Identifier: Apache-2.0
/* The packet parser over the cases of flow_cases.c. `--seeds DIR` writes them as seeds for the fuzzer
 * instead. */
#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "packet/flow_cases.h"

/* Into memory of exactly the packet's size, so that the sanitizer sees any read beyond it. */
static uint8_t *from_hex(const char *hex, uint32_t *size)
{
	uint8_t *data = malloc(strlen(hex) / 2);

	*size = strlen(hex) / 2;
	for (uint32_t i = 0; i < *size; i++)
		sscanf(hex + 2 * i, "%2hhx", &data[i]);
	return data;
}

static bool keys_equal(const struct flow_key *key, const char *expected, bool ports)
{
	struct flow_key wanted = {0};
	uint32_t size;
	uint8_t *bytes = from_hex(expected, &size);

	memcpy(&wanted, bytes, ports ? size : 32);
	free(bytes);
	return memcmp(key, &wanted, sizeof(wanted)) == 0;
}

static void check_case(const struct flow_case *c, bool ports)
{
	struct flow_key key;
	uint32_t captured;
	uint8_t *data = from_hex(c->packet, &captured);
	const enum flow_kind wanted = ports && c->fault_with_ports ? c->fault_with_ports : c->kind;
	enum flow_kind kind;

	kind = flow_parse(data, captured, c->length ? c->length : captured, ports, &key);
	CHECK(kind == wanted, "%s (ports %d) is %d, not %d", c->name, ports, kind, wanted);
	if (flow_has_key(wanted))
		CHECK(keys_equal(&key, c->key, ports), "%s (ports %d): the key differs", c->name, ports);
	free(data);
}

/* Whatever the packet, its every beginning must be parsed without reading on. */
static void check_beginnings(const struct flow_case *c)
{
	uint32_t size;
	uint8_t *data = from_hex(c->packet, &size);

	for (uint32_t captured = 0; captured < size; captured++) {
		uint8_t *beginning = malloc(captured);
		struct flow_key key;
		enum flow_kind whole, kind;

		memcpy(beginning, data, captured);
		whole = flow_parse(data, size, size, true, &key);
		kind = flow_parse(beginning, captured, size, true, &key);
		/* A copy cut short gives the same answer or says that it is too short. */
		CHECK(kind == FLOW_SHORT || kind == whole, "%s, first %u bytes: %d, not %d", c->name,
		      captured, kind, whole);
		flow_parse(beginning, captured, captured, true, &key);
		free(beginning);
	}
	free(data);
}

/* The fuzzer takes two bytes of options before the packet: see flow_fuzz.c. */
static void write_seeds(const char *directory)
{
	for (size_t i = 0; i < flow_cases_n; i++) {
		uint32_t size;
		uint8_t *data = from_hex(flow_cases[i].packet, &size);
		char path[512];
		FILE *file;

		snprintf(path, sizeof(path), "%s/%zu", directory, i);
		file = fopen(path, "wb");
		if (!file || fwrite("\1", 1, 2, file) != 2 || fwrite(data, 1, size, file) != size ||
		    fclose(file)) {
			perror(path);
			exit(1);
		}
		free(data);
	}
}

static void check_extent(const char *hex, uint16_t from, uint16_t to, bool last)
{
	struct fragment_extent extent = {0};
	struct fragment_key key;
	uint32_t size;
	uint8_t *data = from_hex(hex, &size);

	CHECK(flow_fragment(data, size, size, &key, &extent), "%s is no fragment", hex);
	CHECK(extent.from == from && extent.to == to && extent.last == last, "%s: %u to %u, last %d", hex,
	      extent.from, extent.to, extent.last);
	free(data);
}

#define IP4(length, offset)                                                                                  \
	"450000" length "1234" offset "40110000"                                                             \
	"32000001"                                                                                           \
	"0a000000"
#define ZERO16 "00000000000000000000000000000000"
#define IP6(length, offset) "60000000" length "2c40" ZERO16 ZERO16 "1100" offset "00000007"

/* In units of 8 bytes; the last fragment may end within one. */
static void check_extents(void)
{
	check_extent(IP4("24", "2000") ZERO16, 0, 2, false);
	check_extent(IP4("24", "2002") ZERO16, 2, 4, false);
	check_extent(IP4("17", "0004") "000000", 4, 5, true);
	check_extent(IP4("17", "0004") "0000000000000000", 4, 5, true); /* padded */
	check_extent(IP6("0018", "0001") ZERO16, 0, 2, false);
	check_extent(IP6("0018", "0011") ZERO16, 2, 4, false);
	check_extent(IP6("0009", "0020") "00", 4, 5, true);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
		write_seeds(argv[2]);
		return 0;
	}
	for (size_t i = 0; i < flow_cases_n; i++) {
		check_case(&flow_cases[i], true);
		check_case(&flow_cases[i], false);
		check_beginnings(&flow_cases[i]);
	}
	check_extents();
	return check_report("flow");
}
