// SPDX-License-Identifier: Apache-2.0
#include "packet/flow_names.h"

const char *const flow_counter_names[FLOW_KINDS] = {
	[FLOW_PORTS] = "flows",
	[FLOW_ICMP_ECHO] = "icmp_echo",
	[FLOW_ICMP_ERROR] = "icmp_errors",
	[FLOW_FRAGMENT] = "fragments",
	[FLOW_OTHER_PROTOCOL] = "other_protocol",
	[FLOW_UNMATCHED] = "unmatched",
	[FLOW_MALFORMED] = "malformed",
	[FLOW_SHORT] = "short",
};
