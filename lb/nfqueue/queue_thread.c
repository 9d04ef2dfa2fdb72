// SPDX-License-Identifier: Apache-2.0
#include "queue_thread.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "counters.h"
#include "packet/flow.h"
#include "fragment_worker.h"
#include "netlink/send.h"
#include "pick.h"
#include "remember.h"
#include "worker.h"

#define MESSAGE_MAX NLMSG_ALIGN(QUEUE_COPY_MAX + QUEUE_MESSAGE_OVERHEAD)
/* What answers one packet, at most. */
#define ANSWER_SIZE (QUEUE_VERDICT_SIZE + REMEMBER_SIZE)

/*
 * Buffers of one thread. Messages lie side by side; what is longer than a copy goes on in a piece of its own,
 * whose memory is not touched before.
 */
struct batch {
	struct mmsghdr *messages;
	struct iovec (*pieces)[2];
	uint8_t *received, *spilled;
	uint8_t *joined; /* one message of two pieces */
	uint8_t *verdicts;
	size_t verdicts_size; /* filled so far */
};

static bool batch_init(struct batch *batch, const struct worker *worker)
{
	const uint32_t n = worker->options->batch;
	const size_t size = NLMSG_ALIGN(worker->copy + QUEUE_MESSAGE_OVERHEAD), more = MESSAGE_MAX - size;

	*batch = (struct batch){
		.messages = calloc(n, sizeof(*batch->messages)),
		.pieces = calloc(n, sizeof(*batch->pieces)),
		.received = malloc(n * size),
		.spilled = malloc(n * more + 1),
		.joined = malloc(MESSAGE_MAX),
		.verdicts = malloc((size_t)n * ANSWER_SIZE),
	};
	if (!batch->messages || !batch->pieces || !batch->received || !batch->spilled || !batch->joined ||
	    !batch->verdicts)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		batch->pieces[i][0] = (struct iovec){batch->received + i * size, size};
		batch->pieces[i][1] = (struct iovec){batch->spilled + i * more, more};
		batch->messages[i].msg_hdr = (struct msghdr){.msg_iov = batch->pieces[i], .msg_iovlen = 2};
	}
	return true;
}

static void batch_free(struct batch *batch)
{
	free(batch->messages);
	free(batch->pieces);
	free(batch->received);
	free(batch->spilled);
	free(batch->joined);
	free(batch->verdicts);
}

/* The message, in one piece. */
static const struct nlmsghdr *message_of(const struct batch *batch, int i)
{
	const struct iovec *pieces = batch->pieces[i];
	const size_t size = batch->messages[i].msg_len;

	if (size <= pieces[0].iov_len)
		return pieces[0].iov_base;
	memcpy(batch->joined, pieces[0].iov_base, pieces[0].iov_len);
	memcpy(batch->joined + pieces[0].iov_len, pieces[1].iov_base, size - pieces[0].iov_len);
	return (const struct nlmsghdr *)batch->joined;
}

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
	const enum flow_kind kind = flow_dissect(packet->data, packet->captured, packet->length,
						 worker_needs_ports(worker), &key, &transport);

	if (kind == FLOW_SHORT && wants_whole(worker, packet))
		return (struct verdict){.decision = NF_QUEUE_NR(worker->queue)};
	count(&worker->counters[kind], 1);
	count(&worker->counters[COUNT_BYTES], packet->length);
	if (kind == FLOW_FRAGMENT && worker->options->fragments)
		return (struct verdict){.decision = NF_QUEUE_NR(worker->options->fragment_queue)};
	if (kind == FLOW_MALFORMED || kind == FLOW_SHORT)
		return (struct verdict){.decision = NF_DROP};
	choice = pick_choice(worker, kind, &key, &transport);
	return pick_verdict(worker, &choice, packet);
}

/* The kernel works through messages in order, so the entry is there before the packet goes on. */
static void remember(struct worker *worker, struct batch *batch, const struct queued_packet *packet,
		     uint32_t fwmark)
{
	size_t size = remember_connection(batch->verdicts + batch->verdicts_size, packet->data,
					  packet->captured, fwmark);

	if (size)
		count(&worker->counters[COUNT_REMEMBERED], 1);
	batch->verdicts_size += size;
}

/*
 * The packet comes in again, whole: the kernel works through messages in order, and queues it anew while the
 * larger copy is in force.
 */
static void ask_whole(struct worker *worker, struct batch *batch, const struct queued_packet *packet)
{
	uint8_t *to = batch->verdicts + batch->verdicts_size;

	count(&worker->counters[COUNT_WHOLE], 1);
	to += queue_copy(to, worker->queue, QUEUE_COPY_MAX);
	to += queue_verdict(to, worker->queue, packet->id, NF_QUEUE_NR(worker->queue), NULL);
	to += queue_copy(to, worker->queue, worker->copy);
	batch->verdicts_size = to - batch->verdicts;
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
	batch->verdicts_size += queue_verdict(batch->verdicts + batch->verdicts_size, worker->queue,
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

/* One send for the whole batch, if the socket takes it: the kernel works through the messages in it. Returns
 * 0 or an error number. */
static int send_verdicts(struct worker *worker, struct batch *batch)
{
	struct netlink_sent sent = {0};
	const int error = netlink_send_all(worker->fd, batch->verdicts, batch->verdicts_size, &sent);

	batch->verdicts_size = 0;
	count(&worker->counters[COUNT_VERDICT_CALLS], sent.calls);
	count(&worker->counters[COUNT_VERDICT_ERRORS], sent.skipped);
	return error;
}

/* Waits for a packet, then takes those that are there; each datagram is one message. Returns 0 or an error
 * number. */
static int serve_batch(struct worker *worker, struct batch *batch)
{
	int n = recvmmsg(worker->fd, batch->messages, worker->options->batch, MSG_WAITFORONE, NULL);

	count(&worker->counters[COUNT_RECV_CALLS], 1);
	if (n < 0 && errno == ENOBUFS)
		count(&worker->counters[COUNT_ENOBUFS], 1);
	else if (n < 0 && errno != EINTR && errno != EAGAIN)
		return errno;
	if (worker->fragments)
		fragment_worker_tick(worker);
	worker_enter(worker);
	for (int i = 0; i < n; i++) {
		const struct nlmsghdr *message = message_of(batch, i);
		struct queued_packet packet;

		if (!NLMSG_OK(message, batch->messages[i].msg_len))
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

/*
 * A thread of this policy wakes up without interrupting what runs on its CPU, which may well be what sends
 * the packets: so they gather, and a batch is one. On an idle CPU it runs at once. Returns 0 or an error
 * number.
 */
static int let_packets_gather(void)
{
	const struct sched_param none = {0};

	return sched_setscheduler(0, SCHED_BATCH, &none) ? errno : 0;
}

/* To the CPU that the packets of this queue come in by. Returns 0 or an error number. */
static int stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? errno : 0;
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct batch batch;

	worker->random = 0x9e3779b97f4a7c15 + worker->queue;
	if (!batch_init(&batch, worker))
		worker->error = ENOMEM;
	if (!worker->error && worker->options->batch > 1)
		worker->error = let_packets_gather();
	if (!worker->error && worker->cpu != NO_CPU)
		worker->error = stay_on(worker->cpu);
	while (!worker->error && !atomic_load(worker->stop))
		worker->error = serve_batch(worker, &batch);
	batch_free(&batch);
	/* The main thread waits for this signal; with one queue dead the balancer is not whole. */
	if (worker->error)
		kill(getpid(), SIGTERM);
	return NULL;
}

int worker_start(struct worker *worker)
{
	return pthread_create(&worker->thread, NULL, work, worker);
}
