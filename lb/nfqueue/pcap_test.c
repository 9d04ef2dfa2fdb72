// SPDX-License-Identifier: Apache-2.0
#include "pcap.h"

#include <stdlib.h>
#include <string.h>

#include "util/check.h"

static uint8_t file[4096];
static size_t size;

static void put(const void *bytes, size_t n)
{
	memcpy(file + size, bytes, n);
	size += n;
}

static void put32(uint32_t value, bool big)
{
	value = big ? __builtin_bswap32(value) : value;
	put(&value, 4);
}

/* An Ethernet frame of 14 + 20 bytes, `tags` VLAN tags in it. */
static uint32_t put_frame(uint16_t type, int tags)
{
	static const uint8_t macs[12] = {0}, vlan[4] = {0x81, 0, 0, 5}, ip[20] = {0x45};
	const uint8_t ether[2] = {type >> 8, type & 0xff};
	const size_t before = size;

	put(macs, 12);
	for (int i = 0; i < tags; i++)
		put(vlan, 4);
	put(ether, 2);
	put(ip, 20);
	return size - before;
}

static void put_header(uint32_t magic, uint32_t link, bool big)
{
	size = 0;
	put32(magic, big);
	put32(0x00040002, big);
	put32(0, big);
	put32(0, big);
	put32(65535, big);
	put32(link, big);
}

static void put_record(uint32_t seconds, uint32_t part, uint16_t type, int tags, bool big)
{
	const uint32_t length = 34 + 4 * tags;

	put32(seconds, big);
	put32(part, big);
	put32(length, big);
	put32(length + 100, big); /* on the wire */
	put_frame(type, tags);
}

/* From memory of exactly its size, so that the sanitizers see any read beyond. Returns the packets. */
static int walk(size_t bytes, enum pcap_result *last, struct pcap_packet *first)
{
	uint8_t *copy = malloc(bytes + !bytes);
	struct pcap_packet packet;
	struct pcap pcap;
	int n = 0;

	memcpy(copy, file, bytes);
	*last = PCAP_CUT;
	if (pcap_open(&pcap, copy, bytes))
		while ((*last = pcap_next(&pcap, &packet)) == PCAP_PACKET)
			if (n++ == 0 && first)
				*first = packet, first->ip = packet.ip ? file + (packet.ip - copy) : NULL;
	free(copy);
	return n;
}

static void test_classic(bool big, uint32_t magic, uint32_t part)
{
	struct pcap_packet packet;
	enum pcap_result last;

	put_header(magic, 1, big);
	put_record(7, part, 0x0800, 2, big);
	put_record(8, part, 0x0806, 0, big);
	CHECK(walk(size, &last, &packet) == 2 && last == PCAP_END);
	CHECK(packet.ns == 7500000000ull, "%llu", (unsigned long long)packet.ns);
	CHECK(packet.ip && packet.ip[0] == 0x45 && packet.captured == 20 && packet.length == 120);
	for (size_t cut = 0; cut < size; cut++)
		CHECK(walk(cut, &last, NULL) < 2 && (last == PCAP_CUT || cut == 24 || cut == 24 + 16 + 42), "%zu", cut);
}

static void test_links(void)
{
	static const struct {
		uint32_t link;
		bool has_ip;
	} cases[] = {{1, true}, {101, true}, {147, false}};
	struct pcap_packet packet;
	enum pcap_result last;

	for (int i = 0; i < 3; i++) {
		put_header(0xa1b2c3d4, cases[i].link, false);
		put_record(1, 0, 0x86dd, 0, false);
		CHECK(walk(size, &last, &packet) == 1 && (packet.ip != NULL) == cases[i].has_ip, "%u", cases[i].link);
	}
	put_header(0xa1b2c3d4, 1, false);
	put_record(1, 0, 0x0806, 0, false);
	CHECK(walk(size, &last, &packet) == 1 && packet.ip == NULL);
}

static void put_block(uint32_t type, const uint8_t *body, uint32_t n, bool big)
{
	static const uint8_t zero[4];

	put32(type, big);
	put32(12 + n + (-n & 3), big);
	put(body, n);
	put(zero, -n & 3);
	put32(12 + n + (-n & 3), big);
}

static void test_next_generation(bool big)
{
	const uint8_t section[16] = {big ? 0x1a : 0x4d, big ? 0x2b : 0x3c, big ? 0x3c : 0x2b, big ? 0x4d : 0x1a};
	uint8_t ethernet[16] = {0}, packet_block[20 + 34];
	struct pcap_packet packet;
	enum pcap_result last;

	ethernet[big] = 1;
	ethernet[8 + big] = 9; /* resolution: 10^-9 */
	ethernet[10 + big] = 1;
	ethernet[12] = 9;
	size = 0;
	put32(0, big); /* interface */
	put32(1, big);
	put32(5, big); /* 2^32 + 5 ns */
	put32(34, big);
	put32(34, big);
	put_frame(0x0800, 0);
	memcpy(packet_block, file, sizeof(packet_block));
	size = 0;
	put_block(0x0a0d0d0a, section, sizeof(section), big);
	put_block(1, ethernet, sizeof(ethernet), big);
	put_block(5, section, 3, big); /* statistics, which nobody asked for */
	put_block(6, packet_block, sizeof(packet_block), big);
	CHECK(walk(size, &last, &packet) == 1 && last == PCAP_END);
	CHECK(packet.ns == (1ull << 32) + 5 && packet.ip && packet.captured == 20, "%llu", (unsigned long long)packet.ns);
	for (size_t cut = 0; cut < size; cut++)
		CHECK(walk(cut, &last, NULL) == 0);
	/* Any byte may be damaged: what is read stays within the file. */
	for (size_t i = 0; i < size; i++)
		for (int bit = 0; bit < 8; bit++) {
			file[i] ^= 1 << bit;
			walk(size, &last, NULL);
			file[i] ^= 1 << bit;
		}
}

int main(void)
{
	test_classic(false, 0xa1b2c3d4, 500000);
	test_classic(true, 0xa1b2c3d4, 500000);
	test_classic(false, 0xa1b23c4d, 500000000);
	test_links();
	test_next_generation(false);
	test_next_generation(true);
	return check_report("pcap");
}
