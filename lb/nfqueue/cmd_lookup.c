// SPDX-License-Identifier: Apache-2.0
/* `nfqueue-lb lookup`: which target would this flow, or this packet, get? */
/* Over 300 lines: options, lines of tuples and lines of packets share one parser and one answer. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "packet/flow.h"
#include "flows.h"
#include "pick.h"
#include "packet/protocols.h"
#include "store.h"
#include "json/json.h"
#include "util/hex.h"

#define PACKET_MAX 65535

/* What is asked: the one table, or those of the flows. */
struct lookup {
	struct table table;
	struct flow_list flows;
	const struct flowset *set; /* NULL: all packets go by the one table */
};

static bool needs_ports(const struct lookup *lookup)
{
	return lookup->set || lookup->table.config.ports;
}

/* Why a query can't be answered; in a batch it concerns one line only. */
static char query_error[160];

__attribute__((format(printf, 1, 2))) static bool reject(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(query_error, sizeof(query_error), format, args);
	va_end(args);
	return false;
}

static const char *const outcomes[FLOW_KINDS] = {
	[FLOW_PORTS] = "flow",
	[FLOW_ICMP_ECHO] = "icmp_echo",
	[FLOW_ICMP_ERROR] = "icmp_error",
	[FLOW_FRAGMENT] = "fragment",
	[FLOW_OTHER_PROTOCOL] = "other_protocol",
	[FLOW_UNMATCHED] = "unmatched",
	[FLOW_MALFORMED] = "malformed",
	[FLOW_SHORT] = "short",
};

/* The table of the first flow that takes it, opened, and the flow's name. False: no flow does, or its table
 * is gone. */
static bool open_flow_table(const struct lookup *lookup, const struct flow_key *key,
			    const struct flow_bytes *transport, const char **name, struct table *table)
{
	const uint32_t found = flowset_match(lookup->set, key, transport);

	if (found == FLOWSET_NONE)
		return false;
	*name = lookup->flows.flows[found].name;
	return store_try_open(lookup->flows.flows[found].targets, table);
}

static void add_pick(struct text *text, const struct table *table, const struct flow_key *key)
{
	static const char *const members[] = {"slot", "index", "fwmark"};
	struct table_pick pick = {0};
	bool found = false;

	if (table) {
		const uint32_t hash = pick_hash(table, key);

		json_number(text, "hash", hash);
		found = table_pick(table, hash, &pick);
	} else {
		json_null(text, "hash");
	}
	const uint32_t values[] = {pick.slot, pick.index, pick.fwmark};
	for (int i = 0; i < 3; i++) {
		if (found)
			json_number(text, members[i], values[i]);
		else
			json_null(text, members[i]);
	}
}

static void print_answer(const struct lookup *lookup, enum flow_kind kind, const struct flow_key *key,
			 const struct flow_bytes *transport)
{
	const bool has_key = flow_has_key(kind);
	struct table table = lookup->table;
	bool has_table = has_key;
	const char *flow = NULL;
	struct text text = {0};

	json_object(&text, NULL);
	json_string(&text, "outcome", outcomes[kind]);
	if (has_key)
		json_hex(&text, "key", key, sizeof(*key));
	else
		json_null(&text, "key");
	if (has_key && lookup->set)
		has_table = open_flow_table(lookup, key, transport, &flow, &table);
	add_pick(&text, has_table ? &table : NULL, key);
	if (has_table && lookup->set)
		store_close(&table);
	if (flow)
		json_string(&text, "flow", flow);
	else if (lookup->set)
		json_null(&text, "flow");
	json_line(&text);
	text_print(&text, stdout);
	text_free(&text);
}

static bool read_number(const char *text, uint32_t max, uint32_t *number)
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
	return protocol_number(text, protocol) || reject("Unknown protocol '%s'. Use " PROTOCOL_NAMES, text);
}

static bool read_address(const char *text, uint8_t address[16])
{
	memset(address, 0, 10);
	memset(address + 10, 0xff, 2);
	if (inet_pton(AF_INET, text, address + 12) == 1 || inet_pton(AF_INET6, text, address) == 1)
		return true;
	return reject("'%s' is not an IP address", text);
}

static bool read_port(const char *text, uint8_t port[2])
{
	uint32_t number;

	if (!read_number(text, UINT16_MAX, &number))
		return reject("'%s' is not a port", text);
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

static bool answer_tuple(const struct lookup *lookup, char *const fields[5])
{
	const struct flow_bytes unknown = {0};
	struct flow_key key = {0};
	enum flow_kind kind;

	if (!read_protocol(fields[0], &key.protocol) || !read_address(fields[1], key.source) ||
	    !read_port(fields[2], key.source_port) || !read_address(fields[3], key.destination) ||
	    !read_port(fields[4], key.destination_port))
		return false;
	if (!strchr(fields[1], ':') != !strchr(fields[3], ':'))
		return reject("Source and destination are of different families");
	kind = normalize(&key, needs_ports(lookup));
	print_answer(lookup, kind, &key, &unknown);
	return true;
}

/* The bytes go to memory of exactly their size, so that the sanitizers see any read beyond them. */
static bool answer_packet(const struct lookup *lookup, const char *hex, const char *length_text)
{
	const size_t digits = strlen(hex), captured = digits / 2;
	uint32_t length = captured;
	struct flow_bytes transport;
	struct flow_key key;
	enum flow_kind kind;
	uint8_t *data;

	if (length_text && (!read_number(length_text, UINT32_MAX, &length) || length < captured))
		return reject("A packet's length is a number, not less than its %zu bytes", captured);
	data = malloc(captured);
	if (!data && captured)
		return reject("Out of memory");
	if (digits > 2 * PACKET_MAX || !hex_read(hex, digits, data)) {
		free(data);
		return reject("A packet is an even number of hexadecimal digits, at most %d bytes",
			      PACKET_MAX);
	}
	kind = flow_dissect(data, captured, length, needs_ports(lookup), &key, &transport);
	print_answer(lookup, kind, &key, &transport);
	free(data);
	return true;
}

/* "proto src sport dst dport" or "packet HEX [length]". */
static bool answer_line(const struct lookup *lookup, char *line)
{
	char *fields[6];
	int n = 0;

	for (char *field; n < 6 && (field = strsep(&line, " \t\n"));)
		if (*field)
			fields[n++] = field;
	if ((n == 2 || n == 3) && strcmp(fields[0], "packet") == 0)
		return answer_packet(lookup, fields[1], n == 3 ? fields[2] : NULL);
	if (n == 5)
		return answer_tuple(lookup, fields);
	return reject("A line is 'protocol source port destination port' or 'packet HEX [length]'");
}

/* One line out for each line in; a bad line is answered with an error and does not end the batch. */
static int answer_batch(const struct lookup *lookup)
{
	struct text text = {0};
	char *line = NULL;
	size_t size = 0;
	int code = EXIT_OK;

	while (getline(&line, &size, stdin) > 0) {
		if (answer_line(lookup, line))
			continue;
		json_object(&text, NULL);
		json_string(&text, "error", query_error);
		json_line(&text);
		text_print(&text, stdout);
		code = EXIT_ERROR;
	}
	free(line);
	text_free(&text);
	return code;
}

/* Splits "1.2.3.4:80", "[::1]:80" or a bare address in place; no port is port 0. */
static void split_endpoint(char *text, char **address, char **port)
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

static bool answer_endpoints(const struct lookup *lookup, const char *protocol, const char *source,
			     const char *destination)
{
	char *fields[5] = {strdup(protocol)}, *from = strdup(source), *to = strdup(destination);
	bool answered;

	if (!fields[0] || !from || !to)
		return reject("Out of memory");
	split_endpoint(from, &fields[1], &fields[2]);
	split_endpoint(to, &fields[3], &fields[4]);
	answered = answer_tuple(lookup, fields);
	free(fields[0]);
	free(from);
	free(to);
	return answered;
}

static void load_flows(struct lookup *lookup, const char *shm)
{
	uint32_t version;

	if (!flows_load(shm, flows_open(shm), &lookup->flows, &version))
		fail(EXIT_ERROR, "The flows of '%s' can't be read.", shm);
	lookup->set = flowset_new(lookup->flows.flows, lookup->flows.n, sizeof(*lookup->flows.flows));
	if (!lookup->set)
		fail(EXIT_ERROR, "Out of memory.");
}

int command_lookup(const struct command *command, int argc, char **argv)
{
	const char *shm = STORE_DEFAULT_NAME, *protocol = "tcp", *src = NULL, *dst = NULL, *packet = NULL;
	const char *length = NULL;
	bool batch = false, flows = false, answered;
	const struct option_spec specs[] = {
		OPTION_SHM(&shm),
		{"proto", 0, "PROTO", "protocol of the flow (tcp)", .text = &protocol},
		{"src", 0, "ADDRESS[:PORT]", "source of the flow", .text = &src},
		{"dst", 0, "ADDRESS[:PORT]", "destination of the flow", .text = &dst},
		{"packet", 0, "HEX", "a packet, from its IP header on", .text = &packet},
		{"length", 0, "N", "full length of a packet that HEX holds in part", .text = &length},
		{"batch", 0, NULL,
		 "read lines 'protocol source port destination port' or 'packet HEX [length]' from\nstdin, "
		 "answer each with one line",
		 .flag = &batch},
		{"flows", 0, NULL,
		 "match the flows as 'run --flows' does and print the flow; --match needs a packet",
		 .flag = &flows},
	};
	static struct lookup lookup;

	parse_options(command, argc, argv, specs, sizeof(specs) / sizeof(*specs), 0);
	if (batch + (packet != NULL) + (src || dst) != 1 || !src != !dst)
		fail(EXIT_USAGE, "Give either --src and --dst, or --packet, or --batch. "
				 "Try 'nfqueue-lb lookup --help'.");
	store_open(shm, false, &lookup.table);
	if (flows)
		load_flows(&lookup, shm);
	if (batch)
		return answer_batch(&lookup);
	answered = packet ? answer_packet(&lookup, packet, length)
			  : answer_endpoints(&lookup, protocol, src, dst);
	if (!answered)
		fail(EXIT_USAGE, "%s.", query_error);
	return EXIT_OK;
}
