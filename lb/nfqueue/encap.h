// SPDX-License-Identifier: Apache-2.0
/* SCTP in UDP (RFC 6951): the ports that matter are those inside. */
#ifndef NFQUEUE_ENCAP_H
#define NFQUEUE_ENCAP_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/flow.h"

#define OPTION_SCTP_ENCAP(to_) \
	{"sctp-encap", 0, "PORT", "take UDP packets to this port for what they carry, SCTP (RFC 6951; no)", \
	 .number = (to_), .min = 1, .max = UINT16_MAX}

/*
 * Turns kind, key and transport of a UDP packet to this port into those of the SCTP packet in it. `cut`: more of the packet would tell
 * more, so that one whose ports are behind the cut is FLOW_SHORT. Port 0: nothing is looked into.
 */
enum flow_kind encap_open(uint32_t port, enum flow_kind kind, bool cut, struct flow_key *key,
			  struct flow_bytes *transport);

#endif
