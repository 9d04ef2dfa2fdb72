// SPDX-License-Identifier: Apache-2.0
/* Packets and what they must be taken for: for the unit test, and as the seeds of the fuzzer. */
#ifndef LB_FLOW_CASES_H
#define LB_FLOW_CASES_H

#include <stddef.h>

#include "packet/flow.h"

struct flow_case {
	const char *name;
	const char *packet; /* hexadecimal */
	const char *key;    /* with ports, without the three zero bytes; NULL: none */
	enum flow_kind kind;
	enum flow_kind fault_with_ports; /* when the key is to have ports, but addresses alone can be had */
	uint32_t length;		 /* of the packet on the wire, when more than is given */
};

extern const struct flow_case flow_cases[];
extern const size_t flow_cases_n;

#endif
