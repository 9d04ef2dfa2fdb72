/*
 * Conntrack entries for connections that are seen one way only. Rules keep the SYN untracked; the entry that
 * is made here, before the SYN goes on, says "established" and holds the mark, so every later packet finds
 * it.
 */
#ifndef NFQUEUE_REMEMBER_H
#define NFQUEUE_REMEMBER_H

#include <stddef.h>
#include <stdint.h>

/* Room for the largest message. */
#define REMEMBER_SIZE 256

/*
 * Writes a netlink message that makes the entry, or brings it up to date where an older connection of the
 * same addresses and ports left one. Returns its size; 0: the packet is not the first of a TCP connection, or
 * its transport header lies behind IPv6 extension headers (then conntrack picks the connection up by itself).
 */
size_t remember_syn(void *buffer, const uint8_t *packet, uint32_t captured, uint32_t mark);

#endif
