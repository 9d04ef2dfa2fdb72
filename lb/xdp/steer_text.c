// SPDX-License-Identifier: Apache-2.0
#include "steer_text.h"

#include "json/json.h"
#include "packet/flow_names.h"
#include "steer.h"

static const char *const names[STEER_COUNTERS] = {
	[STEER_NOT_OURS] = "not_ours",	     [STEER_VLAN] = "vlan",
	[STEER_NOT_IP] = "not_ip",	     [STEER_NOT_VIP] = "not_vip",
	[STEER_TTL_EXPIRED] = "ttl_expired", [STEER_BYTES] = "bytes",
	[STEER_NO_TARGET] = "no_target",     [STEER_KEPT] = "kept",
	[STEER_LEARNT] = "learnt",
};

const char *steer_counter_name(unsigned counter)
{
	return counter < FLOW_KINDS ? flow_counter_names[counter] : names[counter];
}

void steer_counts_json(struct text *out, const uint64_t *counts, const uint64_t *picks, uint32_t n)
{
	uint64_t packets = 0;

	for (int i = 0; i < STEER_OUTCOMES; i++)
		packets += counts[i];
	json_number(out, "packets", packets);
	for (unsigned i = 0; i < STEER_COUNTERS; i++)
		json_number(out, steer_counter_name(i), counts[i]);
	json_array(out, "picked");
	for (uint32_t i = 0; i < n; i++)
		json_number(out, NULL, picks[i]);
	json_array_end(out);
}
