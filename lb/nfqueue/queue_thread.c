// SPDX-License-Identifier: Apache-2.0
#include "queue_thread.h"

#include <errno.h>
#include <linux/netfilter.h>

#include "counters.h"
#include "encap.h"
#include "fragment_worker.h"
#include "log.h"
#include "packet/flow.h"
#include "pick.h"
#include "queue/serve.h"
#include "remember.h"
#include "trace.h"
#include "worker.h"

/* What answers one packet, at most. */
#define ANSWER_SIZE (QUEUE_VERDICT_SIZE + REMEMBER_SIZE)

/* Whether more of the packet would tell more, and can be had. */
static bool wants_whole(const struct worker *worker, const struct queued_packet *packet)
{
	return packet->captured < packet->length && packet->captured < QUEUE_COPY_MAX &&
	       !worker->whole_refused;
}

static struct verdict verdict_on(struct worker *worker, const struct queued_packet *packet)
{
	struct fragment_choice choice;
	struct flow_bytes transport;
	struct flow_key key;
	enum flow_kind kind = flow_dissect(packet->data, packet->captured, packet->length,
					   worker_needs_ports(worker), &key, &transport);

	kind = encap_open(worker->options->sctp_encap, kind, wants_whole(worker, packet), &key, &transport);
	if (kind == FLOW_SHORT && wants_whole(worker, packet))
		return (struct verdict){.decision = NF_QUEUE_NR(worker->queue)};
	count(&worker->counters[kind], 1);
	count(&worker->counters[COUNT_BYTES], packet->length);
	if (kind == FLOW_FRAGMENT && worker->options->fragments)
		return (struct verdict){.decision = NF_QUEUE_NR(worker->options->fragment_queue)};
	if (kind == FLOW_MALFORMED || kind == FLOW_SHORT) {
		log_drop(NULL, kind == FLOW_SHORT ? "its headers are cut" : "it is malformed");
		return (struct verdict){.decision = NF_DROP};
	}
	choice = pick_choice(worker, kind, &key, &transport);
	const struct verdict verdict = pick_verdict(worker, &choice, packet);

	if (verdict.decision == NF_DROP)
		log_drop(&key, pick_is_taken(&choice) ? "no target is active" : "no flow takes it");
	if (tracer_is_on(worker->options->tracer))
		tracer_tell(worker->options->tracer, worker, packet, &verdict);
	return verdict;
}

/* The kernel works through messages in order, so the entry is there before the packet goes on. */
static void remember(struct worker *worker, struct batch *batch, const struct queued_packet *packet,
		     uint32_t fwmark)
{
	size_t size = remember_connection(batch_answer(batch), packet->data,
					  packet->captured, fwmark);

	if (size)
		count(&worker->counters[COUNT_REMEMBERED], 1);
	batch->answers_size += size;
}

/*
 * The packet comes in again, whole: the kernel works through messages in order, and queues it anew while the
 * larger copy is in force.
 */
static void ask_whole(struct worker *worker, struct batch *batch, const struct queued_packet *packet)
{
	uint8_t *to = batch_answer(batch);

	count(&worker->counters[COUNT_WHOLE], 1);
	to += queue_copy(to, worker->queue, QUEUE_COPY_MAX);
	to += queue_verdict(to, worker->queue, packet->id, NF_QUEUE_NR(worker->queue), NULL);
	to += queue_copy(to, worker->queue, worker->copy);
	batch->answers_size = to - batch->answers;
}

static void answer(struct worker *worker, struct batch *batch, const struct queued_packet *packet)
{
	const struct verdict v =
		worker->fragments ? fragment_worker_answer(worker, packet) : verdict_on(worker, packet);

	if (!worker->fragments && v.decision == NF_QUEUE_NR(worker->queue)) {
		ask_whole(worker, batch, packet);
		return;
	}
	if (worker->options->remember && v.decision == NF_ACCEPT && v.has_mark)
		remember(worker, batch, packet, v.mark);
	batch->answers_size += queue_verdict(batch_answer(batch), worker->queue,
					      packet->id, v.decision, v.has_mark ? &v.mark : NULL);
}

/* The kernel acknowledges verdicts only when it refuses them, say because the packet left with its interface.
 */
static void note_error(struct worker *worker, const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = NLMSG_DATA(message);

	if (message->nlmsg_type != NLMSG_ERROR || !error->error)
		return;
	count(&worker->counters[COUNT_VERDICT_ERRORS], 1);
	/* Else a packet would be asked for again and again. */
	if (queue_is_config(&error->msg))
		worker->whole_refused = true;
}

/* Returns 0 or an error number. */
static int send_verdicts(struct worker *worker, struct batch *batch)
{
	struct netlink_sent sent = {0};
	const int error = batch_send(batch, worker->fd, &sent);

	count(&worker->counters[COUNT_VERDICT_CALLS], sent.calls);
	count(&worker->counters[COUNT_VERDICT_ERRORS], sent.skipped);
	return error;
}

/* Returns 0 or an error number. */
static int serve_batch(void *argument, struct batch *batch)
{
	struct worker *worker = argument;
	const int n = batch_receive(batch, worker->fd);

	count(&worker->counters[COUNT_RECV_CALLS], 1);
	if (n == -ENOBUFS)
		count(&worker->counters[COUNT_ENOBUFS], 1);
	else if (n < 0 && n != -EINTR && n != -EAGAIN)
		return -n;
	if (worker->fragments)
		fragment_worker_tick(worker);
	worker_enter(worker);
	for (int i = 0; i < n; i++) {
		const struct nlmsghdr *message = batch_message(batch, i);
		struct queued_packet packet;

		if (!message)
			continue;
		if (queue_decode(message, &packet))
			answer(worker, batch, &packet);
		else
			note_error(worker, message);
	}
	worker_leave(worker);
	if (worker->fragments)
		fragment_worker_publish(worker);
	return send_verdicts(worker, batch);
}

static void *work(void *argument)
{
	struct worker *worker = argument;

	worker->random = 0x9e3779b97f4a7c15 + worker->queue;
	worker->error = queue_serve(&(struct serving){worker->options->batch, worker->copy, ANSWER_SIZE, worker->cpu,
						      worker->stop, serve_batch},
				    worker);
	return NULL;
}

int worker_start(struct worker *worker)
{
	return pthread_create(&worker->thread, NULL, work, worker);
}
