// SPDX-License-Identifier: Apache-2.0
/* The conditions of a flow, from the command line's words. */
#ifndef NFQUEUE_FLOW_TEXT_H
#define NFQUEUE_FLOW_TEXT_H

#include "flowset/flowset.h"

/* Each takes a list with commas and exits with a clear sentence when it does not fit. NULL: no condition. */
void flow_text_protocols(const char *list, struct flow_rule *rule);
uint8_t flow_text_networks(const char *list, struct address_range ranges[FLOW_RANGES_MAX]);
uint8_t flow_text_ports(const char *list, struct port_range ranges[FLOW_RANGES_MAX]);
void flow_text_matches(const char *list, struct flow_rule *rule);

#endif
