// SPDX-License-Identifier: Apache-2.0
/* The IP packets of a capture in memory: pcap and pcapng, of either byte order. Pure; reads nothing beyond its end. */
#ifndef NFQUEUE_PCAP_H
#define NFQUEUE_PCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCAP_INTERFACES_MAX 64

struct pcap_interface {
	uint16_t link;	/* LINKTYPE_... */
	uint64_t units; /* of a timestamp, in a second */
};

struct pcap {
	const uint8_t *at, *end;
	bool next_generation, swapped;
	uint32_t interfaces_n;
	struct pcap_interface interfaces[PCAP_INTERFACES_MAX];
};

struct pcap_packet {
	uint64_t ns;	   /* since the epoch */
	const uint8_t *ip; /* NULL: no IP packet, or of a link that is not known here */
	uint32_t captured, length;
};

enum pcap_result { PCAP_PACKET, PCAP_END, PCAP_CUT };

/* False: this is no capture. */
bool pcap_open(struct pcap *pcap, const uint8_t *data, size_t size);

/* PCAP_CUT: the file ends within a packet, or is damaged there. */
enum pcap_result pcap_next(struct pcap *pcap, struct pcap_packet *packet);

#endif
