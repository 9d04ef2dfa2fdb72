// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets that a machine's kernel drops, and those that it answers by a reset, with the reason that it gives. Of the
 * kernel's structures only the members that are used are named: libbpf finds where they are.
 */
#include <stdbool.h>
#include <stdint.h>
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "drops.h"

char licence[] SEC("license") = "GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct ns_common {
	unsigned int inum;
};
struct net {
	struct ns_common ns;
};
typedef struct {
	struct net *net;
} possible_net_t;
struct net_device {
	possible_net_t nd_net;
};
struct dst_entry {
	struct net_device *dev;
};
struct sock_common {
	possible_net_t skc_net;
};
struct sock {
	struct sock_common __sk_common;
};
struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned long _skb_refdst;
	unsigned char *head;
	uint16_t protocol;
	uint16_t network_header;
};
#pragma clang attribute pop

/* The lab's machines by the inode of their network namespace. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, uint32_t);
	__type(value, uint32_t);
} machines SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

/* Events for which there was no room. */
uint64_t lost;
/* Of a packet that was not meant for the machine: each that a switch floods. */
const volatile uint32_t not_ours;

/* A bit of a route's reference says whether it is counted. */
#define ROUTE_FLAG 1UL

static __always_inline uint32_t netns_of(struct sk_buff *skb)
{
	struct net_device *device = BPF_CORE_READ(skb, dev);
	struct sock *sk = BPF_CORE_READ(skb, sk);
	struct dst_entry *route = (struct dst_entry *)(BPF_CORE_READ(skb, _skb_refdst) & ~ROUTE_FLAG);
	uint32_t netns = 0;

	if (device)
		netns = BPF_CORE_READ(device, nd_net.net, ns.inum);
	if (!netns && sk)
		netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	/* A listener's packets have lost their device when they are looked at. */
	if (!netns && route)
		netns = BPF_CORE_READ(route, dev, nd_net.net, ns.inum);
	return netns;
}

static __always_inline int tell(struct sk_buff *skb, enum event_kind kind, uint32_t reason, uint64_t location)
{
	const uint16_t header = BPF_CORE_READ(skb, network_header);
	uint32_t netns = netns_of(skb);
	struct event *event;

	if (header == 0xffff || !bpf_map_lookup_elem(&machines, &netns))
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->t = bpf_ktime_get_ns();
	event->location = location;
	event->netns = netns;
	event->reason = reason;
	event->kind = kind;
	event->protocol = BPF_CORE_READ(skb, protocol);
	bpf_probe_read_kernel(event->bytes + EVENT_FRAME, EVENT_BYTES - EVENT_FRAME, BPF_CORE_READ(skb, head) + header);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(on_drop, struct sk_buff *skb, void *location, uint32_t reason)
{
	return reason == not_ours ? 0 : tell(skb, EVENT_DROP, reason, (uint64_t)location);
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(on_reset, struct sock *sk, struct sk_buff *skb, uint32_t reason)
{
	return skb ? tell(skb, EVENT_RESET, reason, 0) : 0;
}
