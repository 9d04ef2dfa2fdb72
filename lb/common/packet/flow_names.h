// SPDX-License-Identifier: Apache-2.0
#ifndef LB_FLOW_NAMES_H
#define LB_FLOW_NAMES_H

#include "packet/key.h"

/* Names of the counters of packets of each kind. */
extern const char *const flow_counter_names[FLOW_KINDS];

#endif
