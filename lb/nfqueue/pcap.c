// SPDX-License-Identifier: Apache-2.0
#include "pcap.h"

#include <string.h>

#include "packet/bytes.h"

enum {
	MAGIC_US = 0xa1b2c3d4,
	MAGIC_NS = 0xa1b23c4d,
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 6,
	ORDER = 0x1a2b3c4d,
	OPTION_RESOLUTION = 9,
	ETHERTYPE_IP4 = 0x0800,
	ETHERTYPE_IP6 = 0x86dd,
};

static uint32_t word(const struct pcap *pcap, const uint8_t *at)
{
	const uint32_t value = load_le32(at);

	return pcap->swapped ? __builtin_bswap32(value) : value;
}

static uint16_t half(const struct pcap *pcap, const uint8_t *at)
{
	return (uint16_t)(pcap->swapped ? at[0] << 8 | at[1] : at[0] | at[1] << 8);
}

static size_t left(const struct pcap *pcap)
{
	return (size_t)(pcap->end - pcap->at);
}

bool pcap_open(struct pcap *pcap, const uint8_t *data, size_t size)
{
	uint32_t magic;

	*pcap = (struct pcap){.at = data, .end = data + size};
	if (size < 24)
		return false;
	magic = load_le32(data);
	if (magic == BLOCK_SECTION) {
		pcap->next_generation = true;
		return true;
	}
	pcap->swapped = magic == __builtin_bswap32(MAGIC_US) || magic == __builtin_bswap32(MAGIC_NS);
	magic = word(pcap, data);
	if (magic != MAGIC_US && magic != MAGIC_NS)
		return false;
	pcap->interfaces[0] = (struct pcap_interface){(uint16_t)word(pcap, data + 20), magic == MAGIC_NS ? 1000000000 : 1000000};
	pcap->interfaces_n = 1;
	pcap->at += 24;
	return true;
}

/* Where the type of an Ethernet frame is, behind VLAN tags. */
static size_t ether_type(const uint8_t *frame, size_t captured)
{
	size_t at = 12;

	while (at + 6 <= captured && (load_be16(frame + at) == 0x8100 || load_be16(frame + at) == 0x88a8))
		at += 4;
	return at;
}

/* Bytes in front of the IP header; SIZE_MAX: there is none. */
static size_t ip_offset(uint16_t link, const uint8_t *frame, size_t captured)
{
	size_t type, header;

	switch (link) {
	case 0: /* BSD's loopback */
		return 4;
	case 12:
	case 14:
	case 101: /* raw IP */
	case 228:
	case 229:
		return 0;
	case 1: /* Ethernet */
		type = ether_type(frame, captured);
		header = type + 2;
		break;
	case 113: /* Linux' cooked mode, and its second version */
		type = 14;
		header = 16;
		break;
	case 276:
		type = 0;
		header = 20;
		break;
	default:
		return SIZE_MAX;
	}
	if (captured < type + 2)
		return SIZE_MAX;
	type = load_be16(frame + type);
	return type == ETHERTYPE_IP4 || type == ETHERTYPE_IP6 ? header : SIZE_MAX;
}

static void set_packet(struct pcap_packet *packet, const struct pcap_interface *interface, const uint8_t *frame,
		       uint32_t captured)
{
	const size_t offset = ip_offset(interface->link, frame, captured);

	packet->captured = captured;
	if (packet->length < captured)
		packet->length = captured;
	packet->ip = NULL;
	if (offset > captured)
		return;
	packet->ip = frame + offset;
	packet->captured -= offset;
	packet->length -= offset;
}

static uint64_t to_ns(uint64_t stamp, uint64_t units)
{
	return units ? stamp / units * 1000000000 + (uint64_t)((double)(stamp % units) * (1e9 / (double)units)) : 0;
}

static enum pcap_result next_record(struct pcap *pcap, struct pcap_packet *packet)
{
	const struct pcap_interface *interface = &pcap->interfaces[0];
	const uint8_t *at = pcap->at;
	uint32_t captured;

	if (left(pcap) == 0)
		return PCAP_END;
	if (left(pcap) < 16)
		return PCAP_CUT;
	captured = word(pcap, at + 8);
	if (captured > left(pcap) - 16)
		return PCAP_CUT;
	packet->ns = (uint64_t)word(pcap, at) * 1000000000 + to_ns(word(pcap, at + 4), interface->units);
	packet->length = word(pcap, at + 12);
	set_packet(packet, interface, at + 16, captured);
	pcap->at += 16 + captured;
	return PCAP_PACKET;
}

/* Options end with one of code 0, or with the block. */
static uint64_t units_of(const struct pcap *pcap, const uint8_t *at, const uint8_t *end)
{
	while (end - at >= 4) {
		const uint16_t code = half(pcap, at), size = half(pcap, at + 2);
		uint64_t units = 1;

		at += 4;
		if (code == 0 || size > end - at)
			break;
		if (code == OPTION_RESOLUTION && size >= 1) {
			for (int i = 0; i < (at[0] & 0x7f) && units < UINT64_MAX / 10; i++)
				units *= at[0] & 0x80 ? 2 : 10;
			return units;
		}
		at += size + (-size & 3) > end - at ? end - at : size + (-size & 3);
	}
	return 1000000;
}

static void add_interface(struct pcap *pcap, const uint8_t *at, const uint8_t *end)
{
	if (end - at >= 8 && pcap->interfaces_n < PCAP_INTERFACES_MAX)
		pcap->interfaces[pcap->interfaces_n++] =
			(struct pcap_interface){half(pcap, at), units_of(pcap, at + 8, end)};
}

/* The body of an enhanced packet block. False: it is damaged, or of an interface that is not known. */
static bool read_packet(const struct pcap *pcap, const uint8_t *at, const uint8_t *end, struct pcap_packet *packet)
{
	const struct pcap_interface *interface;
	uint32_t captured;

	if (end - at < 20 || word(pcap, at) >= pcap->interfaces_n)
		return false;
	interface = &pcap->interfaces[word(pcap, at)];
	captured = word(pcap, at + 12);
	if (captured > end - at - 20)
		return false;
	packet->ns = to_ns((uint64_t)word(pcap, at + 4) << 32 | word(pcap, at + 8), interface->units);
	packet->length = word(pcap, at + 16);
	set_packet(packet, interface, at + 20, captured);
	return true;
}

static enum pcap_result next_block(struct pcap *pcap, struct pcap_packet *packet)
{
	while (left(pcap) >= 12) {
		const uint8_t *block = pcap->at;
		uint32_t type = load_le32(block), size;

		if (type == BLOCK_SECTION) {
			pcap->swapped = load_le32(block + 8) == __builtin_bswap32(ORDER);
			pcap->interfaces_n = 0;
		}
		type = word(pcap, block);
		size = word(pcap, block + 4);
		if (size < 12 || size % 4 || size > left(pcap))
			return PCAP_CUT;
		pcap->at += size;
		if (type == BLOCK_INTERFACE)
			add_interface(pcap, block + 8, pcap->at - 4);
		else if (type == BLOCK_PACKET)
			return read_packet(pcap, block + 8, pcap->at - 4, packet) ? PCAP_PACKET : PCAP_CUT;
	}
	return left(pcap) == 0 ? PCAP_END : PCAP_CUT;
}

enum pcap_result pcap_next(struct pcap *pcap, struct pcap_packet *packet)
{
	return pcap->next_generation ? next_block(pcap, packet) : next_record(pcap, packet);
}
