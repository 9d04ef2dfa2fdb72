// SPDX-License-Identifier: Apache-2.0
/* Addresses are changed, and every checksum is what a computation from scratch gives. */
#include "nat.h"

#include <string.h>

#include "address.h"
#include "packet/bytes.h"
#include "util/check.h"

enum { TCP = 6, UDP = 17, ICMP = 1, ICMPV6 = 58, SIZE = 512 };

static const char *const client[] = {"2000::1", "50.0.0.1"}, *const vip[] = {"1000::", "10.0.0.0"},
			 *const target[] = {"1000::1:192.168.1.7", "192.168.1.7"};

static void store16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t fold(const uint8_t *at, uint32_t n, uint32_t sum)
{
	for (uint32_t i = 0; i < n; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t header_size(bool ip4)
{
	return ip4 ? 20 : 40;
}

/* Of a transport header and what follows it, with the pseudo header, from the addresses that are in the packet. */
static uint32_t transport_sum(const uint8_t *ip, bool ip4, uint8_t protocol, uint32_t size)
{
	const uint32_t pseudo = ip4 && protocol == ICMP
					? 0
					: fold(ip + (ip4 ? 12 : 8), ip4 ? 8 : 32, protocol + size);

	return fold(ip + header_size(ip4), size, pseudo);
}

static uint32_t checksum_offset(uint8_t protocol)
{
	return protocol == TCP ? 16 : protocol == UDP ? 6 : 2;
}

/* An IP header before `size` bytes that are there already, and all checksums. Returns the size of all. */
static uint32_t wrap(uint8_t *ip, bool ip4, uint8_t protocol, uint32_t size, const char *from, const char *to)
{
	uint8_t source[16], destination[16];
	uint8_t *checksum = ip + header_size(ip4) + checksum_offset(protocol);

	address_parse(from, source);
	address_parse(to, destination);
	memset(ip, 0, header_size(ip4));
	if (ip4) {
		ip[0] = 0x45;
		store16(ip + 2, 20 + size);
		ip[8] = 64;
		ip[9] = protocol;
		memcpy(ip + 12, source + 12, 4);
		memcpy(ip + 16, destination + 12, 4);
		store16(ip + 10, ~fold(ip, 20, 0) & 0xffff);
	} else {
		ip[0] = 0x60;
		store16(ip + 4, size);
		ip[6] = protocol;
		ip[7] = 64;
		memcpy(ip + 8, source, 16);
		memcpy(ip + 24, destination, 16);
	}
	store16(checksum, 0);
	store16(checksum, ~transport_sum(ip, ip4, protocol, size) & 0xffff);
	return header_size(ip4) + size;
}

static uint32_t make(uint8_t *data, bool ip4, uint8_t protocol, uint32_t payload, const char *from, const char *to)
{
	uint8_t *transport = data + header_size(ip4);
	const uint32_t header = protocol == TCP ? 20 : 8;

	memset(transport, 0, header);
	store16(transport, 4000);
	store16(transport + 2, 5001);
	if (protocol == TCP)
		transport[12] = 0x50;
	if (protocol == UDP)
		store16(transport + 4, 8 + payload);
	for (uint32_t i = 0; i < payload; i++)
		transport[header + i] = (uint8_t)(i * 37 + 1);
	return wrap(data, ip4, protocol, header + payload, from, to);
}

/* An error about the first `quoted` bytes of a packet from one to another. */
static uint32_t make_error(uint8_t *data, bool ip4, uint32_t quoted, const char *const ends[4])
{
	uint8_t *icmp = data + header_size(ip4), packet[SIZE];
	const uint32_t size = make(packet, ip4, TCP, 60, ends[2], ends[3]);

	memset(icmp, 0, 8);
	icmp[0] = ip4 ? 3 : 2;
	icmp[1] = ip4 ? 4 : 0;
	if (quoted > size)
		quoted = size;
	memcpy(icmp + 8, packet, quoted);
	return wrap(data, ip4, ip4 ? ICMP : ICMPV6, 8 + quoted, ends[0], ends[1]);
}

/* Whether the packet is exactly the one that was made with the other addresses. */
static void check_same(const uint8_t *got, const uint8_t *wanted, uint32_t size, const char *what)
{
	for (uint32_t i = 0; i < size; i++)
		if (got[i] != wanted[i]) {
			CHECK(got[i] == wanted[i], "%s: byte %u is %02x, not %02x", what, i, got[i], wanted[i]);
			return;
		}
	CHECK(true, "%s", what);
}

static void test_plain(bool ip4, uint8_t protocol)
{
	for (uint32_t payload = 0; payload < 40; payload++) {
		uint8_t data[SIZE], wanted[SIZE], address[16];
		const uint32_t size = make(data, ip4, protocol, payload, client[ip4], vip[ip4]);
		struct nat_packet packet;

		make(wanted, ip4, protocol, payload, client[ip4], target[ip4]);
		CHECK(nat_read(data, size, &packet) && !packet.error && !packet.fragment);
		CHECK(load_be16(packet.outer.key.destination_port) == 5001);
		address_parse(target[ip4], address);
		nat_set(&packet, NAT_DESTINATION, address);
		check_same(data, wanted, size, "to a target");
		address_parse(vip[ip4], address);
		nat_set(&packet, NAT_DESTINATION, address);
		make(wanted, ip4, protocol, payload, client[ip4], vip[ip4]);
		check_same(data, wanted, size, "and back");
	}
}

/* An error from the way between balancer and client, about what the VIP sent; quotes of any length. */
static void test_error(bool ip4)
{
	const char *const before[] = {client[ip4], vip[ip4], vip[ip4], client[ip4]};
	const char *const after[] = {client[ip4], target[ip4], target[ip4], client[ip4]};

	for (uint32_t quoted = header_size(ip4); quoted < header_size(ip4) + 80; quoted++) {
		uint8_t data[SIZE], wanted[SIZE], address[16];
		const uint32_t size = make_error(data, ip4, quoted, before);
		struct nat_packet packet;

		make_error(wanted, ip4, quoted, after);
		address_parse(target[ip4], address);
		CHECK(nat_read(data, size, &packet) && packet.error, "quote of %u bytes", quoted);
		nat_set_quoted(&packet, NAT_SOURCE, address);
		nat_set(&packet, NAT_DESTINATION, address);
		/* Half a quoted checksum stays as it is. */
		if (quoted != header_size(ip4) + 17)
			check_same(data, wanted, size, "an error");
		CHECK(fold(data + header_size(ip4), size - header_size(ip4),
			   ip4 ? 0 : fold(data + 8, 32, ICMPV6 + size - 40)) == 0xffff);
	}
}

static void test_udp_without_checksum(void)
{
	uint8_t data[SIZE], address[16];
	const uint32_t size = make(data, true, UDP, 10, client[1], vip[1]);
	struct nat_packet packet;

	store16(data + 26, 0);
	address_parse(target[1], address);
	CHECK(nat_read(data, size, &packet));
	nat_set(&packet, NAT_DESTINATION, address);
	CHECK(load_be16(data + 26) == 0);
}

static void test_fragments(void)
{
	uint8_t data[SIZE], wanted[SIZE], address[16];
	const uint32_t size = make(data, true, UDP, 64, client[1], vip[1]);
	struct nat_packet packet;

	/* The first one has the checksum of the whole datagram. */
	make(wanted, true, UDP, 64, client[1], target[1]);
	address_parse(target[1], address);
	data[6] = 0x20;
	CHECK(nat_read(data, size, &packet) && packet.fragment && packet.outer.transport == 20);
	nat_set(&packet, NAT_DESTINATION, address);
	CHECK(memcmp(data + 20, wanted + 20, size - 20) == 0);
	/* A later one has payload in that place. */
	make(data, true, UDP, 64, client[1], vip[1]);
	data[6] = 0x20;
	data[7] = 8;
	memcpy(wanted, data, size);
	CHECK(nat_read(data, size, &packet) && packet.fragment && packet.outer.transport == 0);
	nat_set(&packet, NAT_DESTINATION, address);
	CHECK(memcmp(data + 20, wanted + 20, size - 20) == 0);
}

static void test_malformed(void)
{
	uint8_t data[SIZE];
	struct nat_packet packet;
	const uint32_t size = make(data, true, TCP, 0, client[1], vip[1]);

	for (uint32_t cut = 0; cut < size; cut++)
		CHECK(!nat_read(data, cut, &packet), "cut to %u bytes", cut);
	data[0] = 0x55;
	CHECK(!nat_read(data, size, &packet));
}

int main(void)
{
	for (int ip4 = 0; ip4 < 2; ip4++) {
		test_plain(ip4, TCP);
		test_plain(ip4, UDP);
		test_error(ip4);
	}
	test_udp_without_checksum();
	test_fragments();
	test_malformed();
	return check_report("nat");
}
