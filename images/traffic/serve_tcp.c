// SPDX-License-Identifier: Apache-2.0
#include "serve_tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/memory.h"

#define ACCEPTS_PER_TURN 64
#define CHUNKS_PER_TURN 16
#define HEADER_BYTES 64

static void peer_close(struct worker *worker, enum service service, int fd)
{
	struct peer *peer = &worker->server->peers[fd];

	/* The name service keeps no state and never touches its page of the table. */
	if (service == SERVICE_ECHO_PEER) {
		if (peer->pending)
			release(peer->pending);
		stream_check_end(&peer->check);
	}
	worker->counts.closed++;
	close(fd);
}

static void peer_add(struct worker *worker, enum service service, int fd, bool by_message)
{
	const struct server *server = worker->server;
	/* Edge-triggered, both directions at once: one epoll_ctl in the life of a connection. */
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};

	worker->counts.accepted++;
	if (service == SERVICE_NAME_PEER) {
		if (send(fd, server->name, server->name_bytes, MSG_NOSIGNAL) > 0) {
			worker->counts.messages++;
			worker->counts.bytes += server->name_bytes;
		}
	} else {
		server->peers[fd] = (struct peer){.by_message = by_message};
		event.events |= EPOLLOUT;
	}
	event.data.u64 = entry_pack(service, fd);
	if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event))
		peer_close(worker, service, fd);
}

/* Without a free descriptor the connection would stay readable for ever and spin: take it with the spare and
 * close it. */
static void refuse_one(struct worker *worker, int listen_fd)
{
	static bool told;

	if (!__atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
		fprintf(stderr,
			"Cannot accept more connections: the limit on open files is reached. Raise it.\n");
	close(worker->spare_fd);
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	worker->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void tcp_accept(struct worker *worker, enum service service, int listen_fd)
{
	const bool sctp = service == SERVICE_NAME_SCTP || service == SERVICE_ECHO_SCTP;
	const bool name = service == SERVICE_NAME_TCP || service == SERVICE_NAME_SCTP;
	enum service kind = name ? SERVICE_NAME_PEER : SERVICE_ECHO_PEER;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE)
				refuse_one(worker, listen_fd);
			return;
		}
		peer_add(worker, kind, fd, sctp);
	}
}

/* True when nothing is left to write. False: wait for room, or *broken. */
static bool flush_pending(struct worker *worker, int fd, struct peer *peer, bool *broken)
{
	while (peer->pending) {
		ssize_t count = send(fd, peer->pending + peer->pending_sent,
				     peer->pending_bytes - peer->pending_sent, MSG_NOSIGNAL);
		if (count < 0) {
			*broken = errno != EAGAIN && errno != EINTR;
			return false;
		}
		worker->counts.bytes += (uint64_t)count;
		peer->pending_sent += (uint32_t)count;
		if (peer->pending_sent == peer->pending_bytes) {
			release(peer->pending);
			peer->pending = NULL;
		}
	}
	return true;
}

static void keep_pending(struct peer *peer, const char *bytes, size_t count)
{
	peer->pending = allocate(count);
	memcpy(peer->pending, bytes, count);
	peer->pending_bytes = (uint32_t)count;
	peer->pending_sent = 0;
}

/* Answers one read. False: the socket buffer is full, or *broken. */
static bool answer(struct worker *worker, int fd, struct peer *peer, size_t bytes, bool *broken)
{
	if (peer->named < HEADER_BYTES) {
		size_t left = HEADER_BYTES - peer->named;

		name_over(worker->server, worker->buffer, peer->named, bytes < left ? bytes : left);
		peer->named += (uint32_t)(bytes < left ? bytes : left);
	}
	ssize_t count = send(fd, worker->buffer, bytes, MSG_NOSIGNAL);
	if (count < 0 && errno != EAGAIN) {
		*broken = true;
		return false;
	}
	size_t done = count > 0 ? (size_t)count : 0;
	worker->counts.messages++;
	worker->counts.bytes += done;
	if (done < bytes)
		keep_pending(peer, worker->buffer + done, bytes - done);
	return done == bytes;
}

/* False: close the connection. */
static bool echo(struct worker *worker, int fd, struct peer *peer, uint32_t events)
{
	bool broken = false;

	if (events & EPOLLERR)
		return false;
	if (!flush_pending(worker, fd, peer, &broken))
		return !broken;
	for (int i = 0; i < CHUNKS_PER_TURN; i++) {
		ssize_t count = recv(fd, worker->buffer, ECHO_CHUNK, 0);

		if (count <= 0)
			return count < 0 && (errno == EAGAIN || errno == EINTR);
		stream_check(&peer->check, worker->buffer, (size_t)count, &worker->counts.integrity);
		if (!answer(worker, fd, peer, (size_t)count, &broken))
			return !broken;
		/* A short read has emptied the buffer; only a close that came with the data would go unseen.
		 */
		if (count < ECHO_CHUNK && !peer->by_message && !(events & (EPOLLRDHUP | EPOLLHUP)))
			return true;
	}
	/* Others want their turn. Modifying an entry raises its edge again. */
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				    .data.u64 = entry_pack(SERVICE_ECHO_PEER, fd)};
	return !epoll_ctl(worker->epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

void tcp_peer_ready(struct worker *worker, enum service service, int fd, uint32_t events)
{
	if (service == SERVICE_ECHO_PEER) {
		if (!echo(worker, fd, &worker->server->peers[fd], events))
			peer_close(worker, service, fd);
		return;
	}
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		peer_close(worker, service, fd);
	else
		recv(fd, NULL, 1 << 20, MSG_TRUNC); /* what a client says here does not matter */
}
