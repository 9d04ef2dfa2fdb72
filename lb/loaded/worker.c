// SPDX-License-Identifier: Apache-2.0
#include "worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <linux/netfilter.h>

#include "address.h"
#include "packet/bytes.h"
#include "queue/serve.h"
#include "queue/settle.h"
#include "util/clock.h"
#include "util/counter.h"

static enum action done(struct worker *worker, enum counter kind, enum action action)
{
	count(&worker->counters[kind], 1);
	return action;
}

/* The VIP of the address's family; NULL: there is none. */
static const uint8_t *vip_for(const struct worker *worker, const uint8_t address[16])
{
	const bool ip4 = address_is_ip4(address);

	return worker->balancer->settings.vip[ip4].given ? worker->balancer->settings.vip[ip4].address : NULL;
}

static bool is_exempt(const struct worker *worker, const struct flow_key *key)
{
	const uint32_t port = load_be16(key->destination_port);

	return worker->balancer->settings.exempt[port / 8] >> port % 8 & 1;
}

static enum action to_target(struct worker *worker, struct nat_packet *packet, uint32_t now_ms)
{
	struct balancer *balancer = worker->balancer;
	uint32_t target;

	if (is_exempt(worker, &packet->outer.key))
		return done(worker, COUNT_EXEMPT, ACTION_PASS);
	switch (clients_take(balancer->clients, packet->outer.key.source, now_ms, &target)) {
	case CLIENT_NO_TARGET:
		return done(worker, COUNT_NO_TARGET, ACTION_DROP);
	case CLIENT_NO_ROOM:
		return done(worker, COUNT_NO_ROOM, ACTION_DROP);
	case CLIENT_NEW:
		count(&worker->counters[COUNT_NEW_CLIENTS], 1);
		break;
	case CLIENT_MOVED:
		count(&worker->counters[COUNT_MOVED_CLIENTS], 1);
		break;
	case CLIENT_KNOWN:
		break;
	}
	nat_set(packet, NAT_DESTINATION, balancer->targets.list[target].address);
	return done(worker, COUNT_FORWARDED, ACTION_CHANGED);
}

/* About a packet that a client got from the VIP: the target that sent it is to know. */
static enum action error_to_target(struct worker *worker, struct nat_packet *packet)
{
	const struct targets *targets = &worker->balancer->targets;
	const uint32_t target = clients_target(worker->balancer->clients, packet->quoted.key.destination);

	if (target == NO_TARGET)
		return done(worker, COUNT_NO_CLIENT, ACTION_DROP);
	nat_set_quoted(packet, NAT_SOURCE, targets->list[target].address);
	nat_set(packet, NAT_DESTINATION, targets->list[target].address);
	count(&worker->counters[COUNT_ERRORS], 1);
	return done(worker, COUNT_FORWARDED, ACTION_CHANGED);
}

/* About a packet that a target got: its client sent it to the VIP. Whoever tells may be on the way to the target.
 */
static enum action error_to_client(struct worker *worker, struct nat_packet *packet, const uint8_t *vip)
{
	nat_set_quoted(packet, NAT_DESTINATION, vip);
	if (targets_has(&worker->balancer->targets, packet->outer.key.source))
		nat_set(packet, NAT_SOURCE, vip);
	count(&worker->counters[COUNT_ERRORS], 1);
	return done(worker, COUNT_RETURNED, ACTION_CHANGED);
}

enum action worker_handle(struct worker *worker, uint8_t *data, uint32_t size, uint32_t now_ms)
{
	const struct targets *targets = &worker->balancer->targets;
	struct nat_packet packet;
	const uint8_t *vip;
	bool to_vip, from_target;

	count(&worker->counters[COUNT_BYTES], size);
	if (!nat_read(data, size, &packet))
		return done(worker, COUNT_MALFORMED, ACTION_DROP);
	vip = vip_for(worker, packet.outer.key.destination);
	if (!vip)
		return done(worker, COUNT_PASSED, ACTION_PASS);
	to_vip = address_equal(packet.outer.key.destination, vip);
	if (packet.error && to_vip && address_equal(packet.quoted.key.source, vip))
		return error_to_target(worker, &packet);
	if (packet.error && !to_vip && targets_has(targets, packet.quoted.key.destination))
		return error_to_client(worker, &packet, vip);
	from_target = !to_vip && targets_has(targets, packet.outer.key.source);
	if (!to_vip && !from_target)
		return done(worker, COUNT_PASSED, ACTION_PASS);
	if (packet.fragment && !worker->balancer->settings.fragments)
		return done(worker, COUNT_FRAGMENTS_REFUSED, ACTION_DROP);
	if (to_vip)
		return to_target(worker, &packet, now_ms);
	nat_set(&packet, NAT_SOURCE, vip);
	return done(worker, COUNT_RETURNED, ACTION_CHANGED);
}

static void answer(struct worker *worker, struct batch *batch, const struct queued_packet *packet,
		   uint32_t now_ms)
{
	/* The batch's memory is ours. */
	uint8_t *data = (uint8_t *)(uintptr_t)packet->data;
	enum action action = ACTION_DROP;

	/* What was not captured whole cannot be given back whole. */
	if (packet->captured == packet->length)
		action = worker_handle(worker, data, packet->captured, now_ms);
	else
		count(&worker->counters[COUNT_MALFORMED], 1);
	batch->answers_size += action == ACTION_CHANGED
				       ? queue_accept_changed(batch_answer(batch), worker->queue, packet)
				       : queue_verdict(batch_answer(batch), worker->queue, packet->id,
						       action == ACTION_PASS ? NF_ACCEPT : NF_DROP, NULL);
}

/* Returns 0 or an error number. */
static int serve_batch(void *argument, struct batch *batch)
{
	struct worker *worker = argument;
	const int n = batch_receive(batch, worker->fd);
	const uint32_t now_ms = (uint32_t)(clock_ns() / 1000000);
	struct netlink_sent sent = {0};
	int error;

	count(&worker->counters[COUNT_RECV_CALLS], 1);
	if (n == -ENOBUFS)
		count(&worker->counters[COUNT_ENOBUFS], 1);
	else if (n < 0 && n != -EINTR && n != -EAGAIN)
		return -n;
	for (int i = 0; i < n; i++) {
		const struct nlmsghdr *message = batch_message(batch, i);
		struct queued_packet packet;

		if (message && queue_decode(message, &packet))
			answer(worker, batch, &packet, now_ms);
		else if (message && message->nlmsg_type == NLMSG_ERROR &&
			 ((const struct nlmsgerr *)NLMSG_DATA(message))->error)
			count(&worker->counters[COUNT_VERDICT_ERRORS], 1);
	}
	error = batch_send(batch, worker->fd, &sent);
	count(&worker->counters[COUNT_VERDICT_CALLS], sent.calls);
	count(&worker->counters[COUNT_VERDICT_ERRORS], sent.skipped);
	return error;
}

static void *work(void *argument)
{
	struct worker *worker = argument;

	worker->error = queue_serve(&(struct serving){worker->balancer->settings.batch, QUEUE_COPY_MAX,
						      QUEUE_VERDICT_SIZE + QUEUE_COPY_MAX, NO_CPU,
						      &worker->balancer->stop, serve_batch},
				    worker);
	return NULL;
}

int worker_start(struct worker *worker)
{
	return pthread_create(&worker->thread, NULL, work, worker);
}
