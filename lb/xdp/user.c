// SPDX-License-Identifier: Apache-2.0
#include "user.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "util/counter.h"

#define BATCH 64
/* While frames wait to be sent, the kernel is asked again this often. */
#define RETRY_MS 1
/*
 * As a network card moderates its interrupts: while so many frames come in between two waits, the thread
 * sleeps for a while instead of being woken. Else whoever sends wakes it for nearly every frame, which costs
 * the sender more than the frame does.
 */
#define BURST 8
#define PAUSE_NS 40000

/* What was sent goes back to where frames are received. */
static void recycle(struct xsk_pair *sockets)
{
	uint64_t addresses[BATCH];
	uint32_t n;

	while ((n = xsk_completed(sockets, addresses, BATCH)) > 0)
		xsk_give_back(sockets, addresses, n);
}

static uint32_t forward(struct user_worker *worker)
{
	struct xsk_pair *sockets = &worker->sockets;
	struct xsk_frame frames[BATCH], out[BATCH];
	uint64_t unused[BATCH];
	const uint32_t room = xsk_send_room(sockets);
	const uint32_t received = xsk_receive(sockets, frames, room < BATCH ? room : BATCH);
	uint32_t sent = 0, dropped = 0;

	for (uint32_t i = 0; i < received; i++) {
		uint8_t *data = sockets->memory + frames[i].address;

		/* What is not a flow can't go back to the stack from here. */
		if (user_steer(worker->table, data, frames[i].length, &worker->counters) == STEER_FORWARD)
			out[sent++] = frames[i];
		else
			unused[dropped++] = frames[i].address;
	}
	xsk_send(sockets, out, sent);
	xsk_give_back(sockets, unused, dropped);
	return received;
}

/* One call moves at most 32 frames, so it is repeated for as long as that helps. Returns 0 or an errno. */
static int flush(struct user_worker *worker)
{
	struct xsk_pair *sockets = &worker->sockets;
	uint32_t before, left;

	for (before = xsk_unsent(sockets); before > 0; before = left) {
		const int error = xsk_kick(sockets);

		count(&worker->counters.send_calls, 1);
		if (error)
			return error;
		recycle(sockets);
		left = xsk_unsent(sockets);
		if (left == before)
			break;
	}
	return 0;
}

/* Until frames have come in, or for a moment when many have. Returns 0 or an errno. */
static int wait_for_frames(const struct user_worker *worker, uint32_t since)
{
	const struct xsk_pair *sockets = &worker->sockets;
	struct pollfd events[] = {{.fd = sockets->in.fd, .events = POLLIN},
				  {.fd = worker->wake, .events = POLLIN}};

	if (since >= BURST) {
		clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
		return 0;
	}
	if (poll(events, 2, xsk_unsent(sockets) ? RETRY_MS : -1) < 0)
		return errno == EINTR ? 0 : errno;
	return events[0].revents & (POLLERR | POLLHUP | POLLNVAL) ? xsk_error(sockets) : 0;
}

static uint64_t cpu_ns(clockid_t clock)
{
	struct timespec time = {0};

	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000000u + time.tv_nsec;
}

static void *run(void *argument)
{
	struct user_worker *worker = argument;
	uint32_t since = 0;

	/* A timer may be late by this: 50 us unless told. */
	prctl(PR_SET_TIMERSLACK, 1000UL);
	while (!atomic_load_explicit(worker->stop, memory_order_relaxed)) {
		uint32_t moved;

		recycle(&worker->sockets);
		moved = forward(worker);
		since += moved;
		worker->error = flush(worker);
		if (!worker->error && moved == 0) {
			worker->error = wait_for_frames(worker, since);
			since = 0;
		}
		if (worker->error) {
			/* The main thread waits for signals: this is how it learns. */
			kill(getpid(), SIGTERM);
			break;
		}
	}
	worker->cpu_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

void user_start(struct user_worker *worker)
{
	const int error = pthread_create(&worker->thread, NULL, run, worker);

	if (error)
		fail(EXIT_ERROR, "Cannot start the thread of queue %u: %s.", worker->queue, strerror(error));
}

void user_join(struct user_worker *worker)
{
	pthread_join(worker->thread, NULL);
	worker->ended = true;
}

uint64_t user_cpu_ns(const struct user_worker *worker)
{
	clockid_t clock;

	if (worker->ended)
		return worker->cpu_ns;
	return pthread_getcpuclockid(worker->thread, &clock) ? 0 : cpu_ns(clock);
}
