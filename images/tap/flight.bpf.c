// SPDX-License-Identifier: GPL-2.0-only
/*
 * At the ingress of the fabric's ports: a frame that a machine sent is written down and goes on. What is a
 * sign of trouble is told: a TCP reset, an ICMP error, and sequence numbers that a client sends again. What
 * clients sent last is kept in a table of one place for each hash: two that share one hide each other's first
 * repetition, not the ones after it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flight.h"
#include "packet/bytes.h"

#define ETHERNET 14
#define IPV6_HEADER 40
#define TCP_HEADER 20
#define GO_ON (-1) /* TC_ACT_UNSPEC: to the next program, or as if there was none */
#define LAST_BITS 21

enum { IPV4 = 0x0800, IPV6 = 0x86dd };
enum { ICMP = 1, IPIP = 4, TCP = 6, IPV6_IN_IP = 41, ICMPV6 = 58 };
enum { FIN = 1, SYN = 2, RST = 4 };

char licence[] SEC("license") = "GPL";

const volatile uint32_t ring_mask;  /* frames of a ring - 1 */
const volatile uint32_t rings_mask; /* rings - 1 */
const volatile bool control_only;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, uint32_t);
	__type(value, struct flight_record);
	__uint(max_entries, 1); /* set before it is loaded */
} frames SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, uint32_t);
	__type(value, struct flight_position);
	__uint(max_entries, FLIGHT_RINGS);
} positions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} signs SEC(".maps");

/* Of a client's address and port: the sequence number behind the last one that it took up. */
struct last {
	uint32_t mark, next;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, uint32_t);
	__type(value, struct last);
	__uint(max_entries, 1U << LAST_BITS);
} lasts SEC(".maps");

/* What is to be done with a frame. */
struct found {
	bool control, trouble;
};

static __always_inline bool is_again(uint64_t client, uint32_t sequence, uint32_t taken)
{
	const uint64_t hash = client * 0x9e3779b97f4a7c15;
	const uint32_t at = (uint32_t)(hash >> (64 - LAST_BITS)), mark = (uint32_t)hash;
	struct last *last = bpf_map_lookup_elem(&lasts, &at);

	if (!last)
		return false;
	if (last->mark == mark && (int32_t)(sequence + taken - last->next) <= 0)
		return true;
	last->mark = mark;
	last->next = sequence + taken;
	return false;
}

static __always_inline void read_tcp(struct __sk_buff *skb, uint32_t at, uint64_t source, bool first_hop,
				     struct found *found)
{
	const uint8_t *tcp = (const uint8_t *)(long)skb->data + at,
		      *end = (const uint8_t *)(long)skb->data_end;
	uint32_t header, payload;
	uint8_t flags;

	if (tcp + TCP_HEADER > end)
		return;
	flags = tcp[13];
	found->control = (flags & (FIN | SYN | RST)) != 0;
	found->trouble = (flags & RST) != 0;
	if (!first_hop || found->trouble || (control_only && !found->control))
		return;
	header = at + (tcp[12] >> 4) * 4U;
	payload = skb->len > header ? skb->len - header : 0;
	payload += !!(flags & SYN) + !!(flags & FIN);
	if (payload > 0)
		found->trouble = is_again(source ^ (uint64_t)load_be16(tcp) << 48,
					  load_be16(tcp + 4) << 16 | load_be16(tcp + 6), payload);
}

static __always_inline struct found look(struct __sk_buff *skb, bool first_hop)
{
	const uint8_t *data = (const uint8_t *)(long)skb->data, *end = (const uint8_t *)(long)skb->data_end;
	const uint8_t *ip = data + ETHERNET;
	struct found found = {0};

	if (skb->protocol == bpf_htons(IPV4) && ip + 28 <= end) {
		const uint32_t header = (ip[0] & 15) * 4U;

		if (ip[9] == TCP && (load_be16(ip + 6) & 0x1fff) == 0)
			read_tcp(skb, ETHERNET + header, load_le32(ip + 12), first_hop, &found);
		else if (ip[9] == ICMP)
			found = (struct found){true, ip[20] == 3 || ip[20] == 11 || ip[20] == 12};
		else
			found.control = ip[9] == IPIP;
	} else if (skb->protocol == bpf_htons(IPV6) && ip + IPV6_HEADER + 8 <= end) {
		if (ip[6] == TCP)
			read_tcp(skb, ETHERNET + IPV6_HEADER,
				 (uint64_t)(load_le32(ip + 8) ^ load_le32(ip + 16)) << 32 |
					 (load_le32(ip + 12) + load_le32(ip + 20)),
				 first_hop, &found);
		else if (ip[6] == ICMPV6)
			found = (struct found){true, ip[IPV6_HEADER] < 128};
		else
			found.control = ip[6] == IPV6_IN_IP;
	}
	return found;
}

static __always_inline void tell(struct __sk_buff *skb, struct flight_position *position, uint32_t kind,
				 uint64_t flags)
{
	struct flight_sign *sign = bpf_ringbuf_reserve(&signs, sizeof(*sign), 0);
	const uint32_t bytes = skb->len < FLIGHT_SNAP ? skb->len : FLIGHT_SNAP;

	if (!sign) {
		__sync_fetch_and_add(&position->untold, 1);
		return;
	}
	sign->kind = kind;
	sign->length = skb->len;
	if (bytes > 0)
		bpf_skb_load_bytes(skb, 0, sign->data, bytes);
	bpf_ringbuf_submit(sign, flags);
}

static __always_inline int note(struct __sk_buff *skb, bool first_hop)
{
	const uint32_t ring = bpf_get_smp_processor_id() & rings_mask,
		       bytes = skb->len < FLIGHT_SNAP ? skb->len : FLIGHT_SNAP;
	const struct found found = look(skb, first_hop);
	struct flight_position *position;
	struct flight_record *record;
	uint32_t at;
	uint64_t next;

	if ((skb->protocol != bpf_htons(IPV4) && skb->protocol != bpf_htons(IPV6)) ||
	    (control_only && !found.control))
		return GO_ON;
	position = bpf_map_lookup_elem(&positions, &ring);
	if (!position)
		return GO_ON;
	next = __sync_fetch_and_add(&position->next, 1);
	at = ring * (ring_mask + 1) + (next & ring_mask);
	record = bpf_map_lookup_elem(&frames, &at);
	if (!record)
		return GO_ON;
	record->t = bpf_ktime_get_ns();
	record->ifindex = skb->ifindex;
	record->length = skb->len;
	if (bytes > 0)
		bpf_skb_load_bytes(skb, 0, record->data, bytes);
	if (found.trouble)
		tell(skb, position, FLIGHT_TROUBLE, 0);
	if ((next & (ring_mask >> 2)) == 0)
		tell(skb, position, FLIGHT_QUARTER, BPF_RB_FORCE_WAKEUP);
	return GO_ON;
}

SEC("tc")
int on_tester(struct __sk_buff *skb)
{
	return note(skb, true);
}

SEC("tc")
int on_other(struct __sk_buff *skb)
{
	return note(skb, false);
}
