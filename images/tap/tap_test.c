// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "flows.h"
#include "frame.h"
#include "util/check.h"

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

static const uint8_t client_ip[4] = {50, 0, 3, 7}, vip[4] = {10, 0, 0, 0};

static struct networks clients;

/* A frame of IPv4 and TCP with so many bytes of payload; returns its length. */
static uint32_t tcp_frame(uint8_t *to, bool from_client, uint8_t flags, uint32_t sequence, uint32_t payload)
{
	uint8_t *ip = to + 14, *tcp = ip + 20;
	const uint32_t length = 40 + payload;

	memset(to, 0, 14 + length);
	to[12] = 8;
	ip[0] = 0x45;
	ip[2] = (uint8_t)(length >> 8);
	ip[3] = (uint8_t)length;
	ip[9] = 6;
	memcpy(ip + (from_client ? 12 : 16), client_ip, 4);
	memcpy(ip + (from_client ? 16 : 12), vip, 4);
	tcp[from_client ? 0 : 2] = 0x12;
	tcp[from_client ? 1 : 3] = 0x34;
	for (int i = 0; i < 4; i++)
		tcp[4 + i] = (uint8_t)(sequence >> (24 - 8 * i));
	tcp[12] = 5 << 4;
	tcp[13] = flags;
	return 14 + length;
}

static struct frame read_frame(bool from_client, uint8_t flags, uint32_t sequence, uint32_t payload)
{
	uint8_t data[2048];
	const uint32_t length = tcp_frame(data, from_client, flags, sequence, payload);
	struct frame frame;

	CHECK(frame_read(data, length < 128 ? length : 128, length, &clients, &frame));
	return frame;
}

static void test_networks(void)
{
	struct network network;

	CHECK(network_parse("2000::/112", &network) && network.bits == 112);
	CHECK(!network_parse("50.0.0.0", &network));
	CHECK(!network_parse("50.0.0.0/33", &network));
	CHECK(!network_parse("50.0.0.0/", &network));
	CHECK(!network_parse("fifty/16", &network));
}

static void test_frames(void)
{
	uint8_t data[2048], tunnel[2048];
	const struct frame syn = read_frame(true, SYN, 100, 0), answer = read_frame(false, SYN | ACK, 7, 0);
	const uint32_t length = tcp_frame(data, true, ACK, 101, 64);
	struct frame frame;

	CHECK(syn.sign == FRAME_REQUEST && syn.sequence == 100 && syn.taken == 1);
	CHECK(syn.client.port[0] == 0x12 && syn.client.port[1] == 0x34 && syn.client.protocol == 6);
	CHECK(memcmp(&syn.client, &answer.client, sizeof(syn.client)) == 0);
	CHECK(answer.sign == FRAME_NONE);
	CHECK(read_frame(true, ACK, 101, 0).sign == FRAME_NONE);
	CHECK(read_frame(true, ACK, 101, 1000).taken == 1000);
	CHECK(read_frame(false, RST, 0, 0).sign == FRAME_RESET);
	CHECK(read_frame(false, RST | ACK, 0, 0).sign == FRAME_RESET);
	CHECK(read_frame(true, RST, 0, 0).sign == FRAME_RESET, "it did not know what it received");
	CHECK(read_frame(true, RST | ACK, 101, 0).sign == FRAME_NONE, "it ends its connection");
	/* In a tunnel it is the same connection. */
	memset(tunnel, 0, 34);
	tunnel[12] = 8;
	tunnel[14] = 0x45;
	tunnel[23] = 4;
	memcpy(tunnel + 34, data + 14, length - 14);
	CHECK(frame_read(tunnel, length + 20, length + 20, &clients, &frame));
	CHECK(memcmp(&frame.client, &syn.client, sizeof(syn.client)) == 0 && frame.taken == 64);
	/* Others' packets, and frames that are cut. */
	data[14 + 12] = 51;
	CHECK(!frame_read(data, length, length, &clients, &frame));
	for (uint32_t n = 0; n < length; n++)
		frame_read(tunnel, n, length + 20, &clients, &frame);
}

static void test_trouble(void)
{
	struct flows flows;
	const struct frame syn = read_frame(true, SYN, 0xffffffff, 0), data = read_frame(true, ACK, 0, 64),
			   old = read_frame(true, SYN, 0xfffffff0, 0), reset = read_frame(false, RST, 1, 0);
	struct flow_slot *slot;

	flows_open(&flows, 16);
	CHECK(flows_note(&flows, &syn, true) && flows_note(&flows, &data, true));
	slot = flows_find(&flows, &syn.client, false);
	CHECK(slot && !slot->trouble && slot->next == 64);
	CHECK(flows_note(&flows, &data, false) && !slot->trouble, "the next hop sends it again");
	CHECK(flows_note(&flows, &data, true) && slot->trouble, "the client sends it again");
	flows_close(&flows);

	flows_open(&flows, 16);
	CHECK(flows_note(&flows, &data, true) && flows_note(&flows, &old, true));
	slot = flows_find(&flows, &syn.client, false);
	CHECK(slot && !slot->trouble, "its port is used again");
	CHECK(flows_note(&flows, &old, true) && slot->trouble, "the SYN is sent again");
	flows_close(&flows);

	flows_open(&flows, 4);
	CHECK(flows_note(&flows, &reset, false) && flows_find(&flows, &reset.client, false)->trouble);
	for (uint8_t i = 0; i < 4; i++) {
		struct frame other = syn;

		other.client.port[0] = i;
		CHECK(flows_note(&flows, &other, true) == (i < 1), "%d", i);
	}
	flows_close(&flows);
}

int main(void)
{
	clients.n = 2;
	CHECK(network_parse("50.0.0.0/16", &clients.of[0]) && network_parse("2000::/112", &clients.of[1]));
	test_networks();
	test_frames();
	test_trouble();
	return check_report("tap");
}
