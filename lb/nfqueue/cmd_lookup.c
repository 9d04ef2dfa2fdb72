// SPDX-License-Identifier: Apache-2.0
/* `nfqueue-lb lookup`: which target would this flow, or this packet, get? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "commands.h"
#include "encap.h"
#include "query.h"
#include "store.h"
#include "util/hex.h"

#define PACKET_MAX 65535

static void print_answer(const struct lookup *lookup, enum flow_kind kind, const struct flow_key *key,
			 const struct flow_bytes *transport)
{
	struct text text = {0};

	json_object(&text, NULL);
	lookup_add(&text, lookup, kind, key, transport);
	json_line(&text);
	text_print(&text, stdout);
	text_free(&text);
}

static bool answer_tuple(const struct lookup *lookup, char *const fields[5])
{
	const struct flow_bytes unknown = {0};
	struct flow_key key;
	enum flow_kind kind;

	if (!query_tuple(fields, lookup_needs_ports(lookup), &key, &kind))
		return false;
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

	if (length_text && (!query_number(length_text, UINT32_MAX, &length) || length < captured))
		return query_reject("A packet's length is a number, not less than its %zu bytes", captured);
	data = malloc(captured);
	if (!data && captured)
		return query_reject("Out of memory");
	if (digits > 2 * PACKET_MAX || !hex_read(hex, digits, data)) {
		free(data);
		return query_reject("A packet is an even number of hexadecimal digits, at most %d bytes",
			      PACKET_MAX);
	}
	kind = flow_dissect(data, captured, length, lookup_needs_ports(lookup), &key, &transport);
	kind = encap_open(lookup->sctp_encap, kind, captured < length, &key, &transport);
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
	return query_reject("A line is 'protocol source port destination port' or 'packet HEX [length]'");
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

static bool answer_endpoints(const struct lookup *lookup, const char *protocol, const char *source,
			     const char *destination)
{
	char *fields[5] = {strdup(protocol)}, *from = strdup(source), *to = strdup(destination);
	bool answered;

	if (!fields[0] || !from || !to)
		return query_reject("Out of memory");
	query_endpoint(from, &fields[1], &fields[2]);
	query_endpoint(to, &fields[3], &fields[4]);
	answered = answer_tuple(lookup, fields);
	free(fields[0]);
	free(from);
	free(to);
	return answered;
}

int command_lookup(const struct command *command, int argc, char **argv)
{
	const char *shm = STORE_DEFAULT_NAME, *protocol = "tcp", *src = NULL, *dst = NULL, *packet = NULL;
	const char *length = NULL;
	static struct lookup lookup;
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
		OPTION_SCTP_ENCAP(&lookup.sctp_encap),
	};
	parse_options(command, argc, argv, specs, sizeof(specs) / sizeof(*specs), 0);
	if (batch + (packet != NULL) + (src || dst) != 1 || !src != !dst)
		fail(EXIT_USAGE, "Give either --src and --dst, or --packet, or --batch. "
				 "Try 'nfqueue-lb lookup --help'.");
	lookup_open(&lookup, shm, flows);
	if (batch)
		return answer_batch(&lookup);
	answered = packet ? answer_packet(&lookup, packet, length)
			  : answer_endpoints(&lookup, protocol, src, dst);
	if (!answered)
		fail(EXIT_USAGE, "%s.", query_error);
	return EXIT_OK;
}
