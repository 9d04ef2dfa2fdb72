// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target of what users type: options of every kind, numbers, and the conditions of flows. The input
 * is words with NUL bytes between them. Wrong words exit; here (-Dexit=fuzz_exit) that ends the input.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "flow_text.h"
#include "cli/options.h"

#define WORDS_MAX 24

static jmp_buf rejected;

__attribute__((noreturn)) void fuzz_exit(int code)
{
	longjmp(rejected, code + 1);
}

static void parse(int argc, char **argv)
{
	static const struct command command = {"fuzz", "", "fuzz [options]", "", NULL, NULL};
	bool flag = false;
	const char *networks = NULL, *ports = NULL, *protocols = NULL, *match = NULL;
	uint32_t number = 0;
	struct flow_rule rule = {0};
	const struct option_spec specs[] = {
		{"flag", 'f', NULL, "x", .flag = &flag},
		{"number", 'n', "X", "x", .number = &number, .min = 3, .max = 70000},
		{"networks", 0, "X", "x", .text = &networks},
		{"ports", 0, "X", "x", .text = &ports},
		{"protocols", 0, "X", "x", .text = &protocols},
		{"match", 0, "X", "x", .text = &match},
	};

	parse_options(&command, argc, argv, specs, sizeof(specs) / sizeof(*specs), 2);
	if (number && (number < 3 || number > 70000))
		abort();
	flow_text_protocols(protocols, &rule);
	rule.sources_n = flow_text_networks(networks, rule.sources);
	rule.source_ports_n = flow_text_ports(ports, rule.source_ports);
	flow_text_matches(match, &rule);
	if (rule.protocols_n > FLOW_PROTOCOLS_MAX || rule.sources_n > FLOW_RANGES_MAX ||
	    rule.source_ports_n > FLOW_RANGES_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[4097], *argv[WORDS_MAX + 1];
	int argc = 0;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	argv[argc++] = "fuzz";
	for (size_t at = 0; at < size && argc < WORDS_MAX; at += strlen(text + at) + 1)
		argv[argc++] = text + at;
	argv[argc] = NULL;
	if (!setjmp(rejected))
		parse(argc, argv);
	return 0;
}
