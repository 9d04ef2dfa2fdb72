// SPDX-License-Identifier: GPL-2.0-only
/* The data planes inside of the kernel: XDP, TC, and the filter in front of AF_XDP sockets. */
#include <stdbool.h>
#include <stdint.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "packet/flow.h"
#include "table/hash.h"
#include "packet/ip.c"
#include "packet/flow.c"
#include "steer.h"

char licence[] SEC("license") = "GPL";

const volatile struct steer_config config;

/* Sizes of the maps that depend on the table's are set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(max_entries, 1);
			__uint(key_size, sizeof(uint32_t));
			__uint(value_size, sizeof(struct steer_entry));
		});
} tables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow_key);
	__type(value, uint32_t);
} connections SEC(".maps");

struct counters {
	uint64_t count[STEER_COUNTERS];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, uint64_t);
} picked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, uint32_t);
} egress SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, uint32_t);
} sockets SEC(".maps");

#define INLINE static __attribute__((always_inline)) inline

/* Without "volatile", which each read of it would repeat, but so that the compiler does not take it for all
 * zero. */
INLINE const struct steer_config *settings(void)
{
	const struct steer_config *at = (const struct steer_config *)&config;

	asm volatile("" : "+r"(at));
	return at;
}

INLINE struct counters *counters_here(void)
{
	const uint32_t zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}

/* Where the connection went before, if that target is still active. 0 is what a CPU has of a connection that only
 * others have seen, where each has values of its own; so an entry holds the place in the table, behind its head. */
INLINE struct steer_entry *remembered(void *table, const struct flow_key *key)
{
	const uint32_t *place = bpf_map_lookup_elem(&connections, key);
	struct steer_entry *entry;
	uint32_t at;

	if (!place || *place == 0)
		return 0;
	at = *place;
	entry = bpf_map_lookup_elem(table, &at);
	return entry && entry->index != STEER_NONE ? entry : 0;
}

INLINE struct steer_entry *chosen(void *table, const struct flow_key *key)
{
	const uint32_t zero = 0;
	const struct steer_head *head = bpf_map_lookup_elem(table, &zero);
	uint32_t hash, at;

	if (!head || head->slots == 0)
		return 0;
	hash = config.random ? bpf_get_prandom_u32() : murmur3_32(key, sizeof(*key), config.seed);
	at = 1 + config.targets + hash % head->slots;
	return bpf_map_lookup_elem(table, &at);
}

INLINE struct steer_entry *pick(unsigned outcome, const struct flow_key *key, struct counters *count)
{
	const bool stateful = config.connections && (outcome == FLOW_PORTS || outcome == FLOW_ICMP_ERROR);
	const uint32_t zero = 0;
	void *table = bpf_map_lookup_elem(&tables, &zero);
	struct steer_entry *entry;

	if (!table)
		return 0;
	if (stateful && (entry = remembered(table, key))) {
		count->count[STEER_KEPT]++;
		return entry;
	}
	entry = chosen(table, key);
	/* An error tells nothing new about where its connection is. */
	if (stateful && entry && outcome == FLOW_PORTS) {
		const uint32_t place = 1 + entry->index;

		bpf_map_update_elem(&connections, key, &place, BPF_ANY);
		count->count[STEER_LEARNT]++;
	}
	return entry;
}

INLINE enum steer_verdict steer(uint8_t *data, uint8_t *end, uint32_t length)
{
	struct counters *count = counters_here();
	struct flow_key key;
	const unsigned outcome = steer_classify(settings(), data, end, length, &key);
	struct steer_entry *entry;
	uint64_t *of_target;
	uint32_t index;

	if (!count || outcome >= STEER_OUTCOMES)
		return STEER_DROP;
	count->count[outcome]++;
	if (!flow_has_key(outcome))
		return steer_verdict(outcome);
	entry = pick(outcome, &key, count);
	if (!entry || !steer_rewrite(settings(), data, end, entry->mac)) {
		count->count[STEER_NO_TARGET]++;
		return STEER_DROP;
	}
	count->count[STEER_BYTES] += length;
	index = entry->index;
	of_target = bpf_map_lookup_elem(&picked, &index);
	if (of_target)
		++*of_target;
	return STEER_FORWARD;
}

SEC("xdp")
int steer_xdp(struct xdp_md *ctx)
{
	uint8_t *data = (uint8_t *)(long)ctx->data, *end = (uint8_t *)(long)ctx->data_end;

	/* XDP could not send it: it knows of no packet that its device is to cut. */
	if (config.frame_max && end - data > config.frame_max)
		return XDP_PASS;
	switch (steer(data, end, end - data)) {
	case STEER_PASS:
		return XDP_PASS;
	case STEER_DROP:
		return XDP_DROP;
	default:
		return config.one_arm ? XDP_TX : bpf_redirect_map(&egress, 0, 0);
	}
}

/* How much of a frame the headers may take: what lies in pages is brought into reach up to here. */
#define TC_HEADERS 256

SEC("tc")
int steer_tc(struct __sk_buff *skb)
{
	const uint32_t wanted = skb->len < TC_HEADERS ? skb->len : TC_HEADERS;

	/* XDP has had it, and left it to the stack. */
	if (skb->len <= config.frame_max)
		return TC_ACT_UNSPEC;
	/* The tag of a VLAN lies beside the frame here. */
	if (skb->vlan_present) {
		struct counters *count = counters_here();

		if (count)
			count->count[STEER_VLAN]++;
		return TC_ACT_UNSPEC;
	}
	if (skb->data_end - skb->data < wanted)
		bpf_skb_pull_data(skb, wanted);
	switch (steer((uint8_t *)(long)skb->data, (uint8_t *)(long)skb->data_end, skb->len)) {
	case STEER_PASS:
		return TC_ACT_UNSPEC;
	case STEER_DROP:
		return TC_ACT_SHOT;
	default:
		return bpf_redirect(config.egress_ifindex, 0);
	}
}

/* What is for the VIP goes to the socket of the queue on which it came in, which has all the queues of one
 * device. */
SEC("xdp")
int filter_xdp(struct xdp_md *ctx)
{
	uint8_t *data = (uint8_t *)(long)ctx->data, *end = (uint8_t *)(long)ctx->data_end;
	const unsigned gate = steer_gate(settings(), data, end);
	struct counters *count = counters_here();

	if (gate == FLOW_PORTS)
		return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
	if (count && gate < STEER_OUTCOMES)
		count->count[gate]++;
	return XDP_PASS;
}
