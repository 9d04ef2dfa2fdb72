// SPDX-License-Identifier: Apache-2.0
/*
 * Conntrack entries for connections that are seen one way only. Rules and sysctls keep the packets without an
 * entry untracked; the entry that is made here, before the packet goes on, says "established" and holds the
 * mark, so every later packet finds it.
 */
#ifndef NFQUEUE_REMEMBER_H
#define NFQUEUE_REMEMBER_H

#include <stddef.h>
#include <stdint.h>

/* Room for the largest message. */
#define REMEMBER_SIZE 256

/*
 * Writes a netlink message that makes the entry, or brings it up to date where one is there. Returns its
 * size; 0: no TCP packet, or a reset, or a transport header behind IPv6 extension headers (then every packet
 * is asked about).
 */
size_t remember_connection(void *buffer, const uint8_t *packet, uint32_t captured, uint32_t mark);

#endif
