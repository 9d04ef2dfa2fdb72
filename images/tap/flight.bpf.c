// SPDX-License-Identifier: GPL-2.0-only
/*
 * At the ingress of the fabric's ports: a frame that a machine sent is written down and goes on. What is a
 * sign of trouble is told: a TCP reset that is no client's end, an ICMP error, and sequence numbers that a
 * client sends again. What clients sent last is kept in a table of one place for each hash: two that share
 * one hide each other's first repetition, not the ones after it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flight.h"

#define ETHERNET 14
#define IPV6_HEADER 40
#define TCP_HEADER 20
#define GO_ON (-1) /* TC_ACT_UNSPEC: to the next program, or as if there was none */
#define LAST_BITS 21

enum { IPV4 = 0x0800, IPV6 = 0x86dd };
enum { ICMP = 1, IPIP = 4, TCP = 6, UDP = 17, IPV6_IN_IP = 41, ICMPV6 = 58, SCTP = 132 };
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

char licence[] SEC("license") = "GPL";

const volatile uint32_t ring_mask;  /* frames of a ring - 1 */
const volatile uint32_t rings_mask; /* rings - 1 */
const volatile bool control_only;

/* An array that `tap` maps; frames and marks get their number of entries before they are loaded. */
#define MAPPED(NAME, TYPE, ENTRIES)                                                                          \
	struct {                                                                                             \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                            \
		__uint(map_flags, BPF_F_MMAPABLE);                                                           \
		__type(key, uint32_t);                                                                       \
		__type(value, TYPE);                                                                         \
		__uint(max_entries, ENTRIES);                                                                \
	} NAME SEC(".maps")

MAPPED(frames, struct flight_record, 1);
MAPPED(marks, struct flight_marks, 1);
MAPPED(positions, struct flight_position, FLIGHT_RINGS);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} signs SEC(".maps");

struct flight_ends {
	uint64_t source, destination; /* addresses */
};

/* Of a client's address and port: the sequence number behind the last one that it took up. */
struct last {
	uint32_t tag, next;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, uint32_t);
	__type(value, struct last);
	__uint(max_entries, 1U << LAST_BITS);
} lasts SEC(".maps");

/* What a frame is. */
struct found {
	bool control, trouble;
	struct flight_marks marks;
};

static __always_inline struct last *last_of(uint64_t hash)
{
	/* Others of its bits than those of the mark. */
	const uint32_t at = (uint32_t)(hash >> 8) & ((1U << LAST_BITS) - 1);

	return bpf_map_lookup_elem(&lasts, &at);
}

/* `next`: the number behind what it takes up now; a SYN's has nothing to do with a connection before. */
static __always_inline bool is_again(uint64_t hash, uint32_t next, bool begins)
{
	const uint32_t tag = (uint32_t)(hash >> 32);
	struct last *last = last_of(hash);

	if (!last)
		return false;
	if (last->tag == tag && (begins ? next == last->next : (int32_t)(next - last->next) <= 0))
		return true;
	last->tag = tag;
	last->next = next;
	return false;
}

/* With ACK, a client that ends its connection sends it: nothing that it received was the reason. */
static __always_inline bool is_trouble(uint8_t flags, uint64_t hash, bool first_hop)
{
	const struct last *last;

	if (!(flags & RST) || !(flags & ACK) || first_hop)
		return (flags & (RST | ACK)) == RST;
	last = last_of(hash);
	return !last || last->tag != (uint32_t)(hash >> 32);
}

/* `tcp`: where its header begins, which is all there; `hash`: of the client's end. */
static __always_inline void read_tcp(uint32_t length, const uint8_t *tcp, uint32_t at, uint64_t hash,
				     bool first_hop, struct found *found)
{
	const uint32_t header = at + (tcp[12] >> 4) * 4U;
	const uint8_t flags = tcp[13];
	uint32_t taken;

	found->control = (flags & (FIN | SYN | RST)) != 0;
	found->trouble = is_trouble(flags, hash, first_hop);
	if (!first_hop || (flags & RST) || (control_only && !found->control))
		return;
	taken = (length > header ? length - header : 0) + !!(flags & SYN) + !!(flags & FIN);
	if (taken > 0)
		found->trouble =
			is_again(hash, (load_be16(tcp + 4) << 16 | load_be16(tcp + 6)) + taken, flags & SYN);
}

/* What has ports behind its IP header, at `at`. */
static __always_inline void read_ports(struct __sk_buff *skb, uint32_t at, uint8_t protocol,
				       struct flight_ends ends, bool first_hop, struct found *found)
{
	const uint8_t *ports = (const uint8_t *)(long)skb->data + at,
		      *end = (const uint8_t *)(long)skb->data_end;
	uint64_t source;

	if (protocol == UDP && control_only)
		return;
	if (ports + 8 > end)
		return;
	source = flight_hash(ends.source, load_be16(ports));
	found->marks.source = flight_mark(source);
	found->marks.destination = flight_mark(flight_hash(ends.destination, load_be16(ports + 2)));
	if (protocol == TCP && ports + TCP_HEADER <= end)
		read_tcp(skb->len, ports, at, source, first_hop, found);
}

static __always_inline struct found look(struct __sk_buff *skb, bool first_hop)
{
	const uint8_t *ip = (const uint8_t *)(long)skb->data + ETHERNET,
		      *end = (const uint8_t *)(long)skb->data_end;
	struct found found = {0};

	if (skb->protocol == bpf_htons(IPV4) && ip + 28 <= end) {
		const uint8_t type = ip[20];

		if (ip[9] == ICMP)
			found = (struct found){true, type == 3 || type == 11 || type == 12, {0}};
		else if (ip[9] == IPIP)
			found.control = true;
		else if ((load_be16(ip + 6) & 0x3fff) == 0)
			read_ports(
				skb, ETHERNET + (ip[0] & 15) * 4U, ip[9],
				(struct flight_ends){flight_address(ip + 12, 4), flight_address(ip + 16, 4)},
				first_hop, &found);
	} else if (skb->protocol == bpf_htons(IPV6) && ip + IPV6_HEADER + 8 <= end) {
		if (ip[6] == ICMPV6)
			found = (struct found){true, ip[IPV6_HEADER] < 128, {0}};
		else if (ip[6] == IPV6_IN_IP)
			found.control = true;
		else if (ip[6] == TCP || ip[6] == UDP || ip[6] == SCTP)
			read_ports(
				skb, ETHERNET + IPV6_HEADER, ip[6],
				(struct flight_ends){flight_address(ip + 8, 6), flight_address(ip + 24, 6)},
				first_hop, &found);
	}
	return found;
}

static __always_inline uint32_t copied(const struct __sk_buff *skb)
{
	return skb->len < FLIGHT_SNAP ? skb->len : FLIGHT_SNAP;
}

static __always_inline void tell(struct __sk_buff *skb, struct flight_position *position, uint32_t kind,
				 uint64_t flags)
{
	struct flight_sign *sign = bpf_ringbuf_reserve(&signs, sizeof(*sign), 0);
	const uint32_t bytes = copied(skb);

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
	const uint32_t ring = bpf_get_smp_processor_id() & rings_mask, bytes = copied(skb);
	const struct found found = look(skb, first_hop);
	struct flight_position *position;
	struct flight_record *record;
	struct flight_marks *mark;
	uint64_t next;
	uint32_t at;

	if ((skb->protocol != bpf_htons(IPV4) && skb->protocol != bpf_htons(IPV6)) ||
	    (control_only && !found.control))
		return GO_ON;
	position = bpf_map_lookup_elem(&positions, &ring);
	if (!position)
		return GO_ON;
	next = __sync_fetch_and_add(&position->next, 1);
	at = ring * (ring_mask + 1) + (next & ring_mask);
	record = bpf_map_lookup_elem(&frames, &at);
	mark = bpf_map_lookup_elem(&marks, &at);
	if (!record || !mark)
		return GO_ON;
	*mark = found.marks;
	record->t = bpf_ktime_get_ns();
	record->ifindex = (uint16_t)skb->ifindex;
	record->length = skb->len < UINT16_MAX ? (uint16_t)skb->len : UINT16_MAX;
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
