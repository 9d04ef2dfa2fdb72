// SPDX-License-Identifier: Apache-2.0
/* What 'nfqueue-lb lookup' is asked, as text. */
#ifndef NFQUEUE_QUERY_H
#define NFQUEUE_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/flow.h"

/* Why a query can't be answered; in a batch it concerns one line only. */
extern char query_error[160];

/* Sets query_error; false. */
__attribute__((format(printf, 1, 2))) bool query_reject(const char *format, ...);
bool query_number(const char *text, uint32_t max, uint32_t *number);
/* Splits "1.2.3.4:80", "[::1]:80" or a bare address in place; no port is port 0. */
void query_endpoint(char *text, char **address, char **port);
/* "protocol", "source", "port", "destination", "port" to what the packet parser makes of such a packet.
 * `ports`: whether they are part of the key. False: query_error says why. */
bool query_tuple(char *const fields[5], bool ports, struct flow_key *key, enum flow_kind *kind);

#endif
