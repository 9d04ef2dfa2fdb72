// SPDX-License-Identifier: Apache-2.0
/* libFuzzer target of the flow matcher: rules and packets from the input; the tree must agree with the list.
 */
#include <stdlib.h>
#include <string.h>

#include "flowset/flowset.h"

#define RULES_MAX 64

struct input {
	const uint8_t *at, *end;
};

static uint8_t take(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

/* Few different values, so that ranges meet each other. */
static void take_address(struct input *in, uint8_t address[16])
{
	memset(address, 0, 16);
	address[0] = take(in) & 0x81;
	address[15] = take(in);
}

static uint8_t take_ranges(struct input *in, struct address_range *ranges)
{
	const uint8_t n = take(in) % 4;

	for (uint8_t i = 0; i < n; i++) {
		take_address(in, ranges[i].low);
		take_address(in, ranges[i].high); /* may be below: then nothing is in it */
	}
	return n;
}

static uint8_t take_ports(struct input *in, struct port_range *ranges)
{
	const uint8_t n = take(in) % 4;

	for (uint8_t i = 0; i < n; i++)
		ranges[i] = (struct port_range){take(in), take(in)};
	return n;
}

static void take_rule(struct input *in, struct flow_rule *rule)
{
	rule->priority = take(in) % 8;
	rule->protocols_n = take(in) % 3;
	for (int i = 0; i < rule->protocols_n; i++)
		rule->protocols[i] = take(in) & 0x17;
	rule->sources_n = take_ranges(in, rule->sources);
	rule->destinations_n = take_ranges(in, rule->destinations);
	rule->source_ports_n = take_ports(in, rule->source_ports);
	rule->destination_ports_n = take_ports(in, rule->destination_ports);
	rule->matches_n = take(in) % 8 == 0;
	rule->matches[0] = (struct byte_match){
		.offset = take(in), .size = take(in) % 9, .value = {take(in)}, .mask = {take(in)}};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	struct flow_rule *rules = calloc(RULES_MAX, sizeof(*rules));
	const uint32_t n = take(&in) % RULES_MAX;
	struct flowset *set;

	for (uint32_t i = 0; i < n; i++)
		take_rule(&in, &rules[i]);
	set = flowset_new(rules, n, sizeof(*rules));
	if (!set)
		abort();
	for (int i = 0; i < 32; i++) {
		struct flow_bytes bytes = {in.at, in.end - in.at};
		struct flow_key key = {0};

		take_address(&in, key.source);
		take_address(&in, key.destination);
		key.source_port[1] = take(&in);
		key.destination_port[1] = take(&in);
		key.protocol = take(&in) & 0x17;
		if (flowset_match(set, &key, &bytes) != flowset_match_linear(set, &key, &bytes))
			abort();
	}
	flowset_free(set);
	free(rules);
	return 0;
}
