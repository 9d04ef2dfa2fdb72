// SPDX-License-Identifier: Apache-2.0
#include "socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "sctp.h"
#include "util/memory.h"

#define TUPLE_TRIES 16

static bool bind_source(const struct client *client, int fd, struct tuple tuple)
{
	int family = client->set.address.any.sa_family, on = 1;
	union address source = tuple_address(&client->tuples, family, tuple);

	/* Several sources share a port, and a tuple may be in TIME_WAIT towards another destination. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* Sources are local by a route to the whole network; IPv6 accepts them for bind only with this. */
	if (client->set.source.family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on));
	else if (client->set.source.family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
	return !bind(fd, &source.any, address_length(&source));
}

/*
 * TCP: edge-triggered in both directions, registered once. UDP: level-triggered, so that one read per event
 * is enough, and without EPOLLOUT, which UDP sockets raise for every datagram that has left; a full buffer is
 * rare and retried by timer.
 */
static bool watch(const struct client *client, const struct connection *c)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = connection_index(client, c)};

	if (!client->set.udp)
		event.events |= EPOLLRDHUP | EPOLLET | (client->set.mode == MODE_STREAM ? EPOLLOUT : 0);
	return !epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

/* A probe after so much silence, and while none is answered one each second: then the peer is given up. */
static void keep_alive(int fd, int seconds)
{
	int on = 1, probe_s = 1, probes = 3;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &probe_s, sizeof(probe_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

/* Returns 0 or an errno. c->fd may be open either way. */
static int open_socket(const struct client *client, struct connection *c, struct tuple tuple)
{
	const struct settings *set = &client->set;
	int type = (set->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, on = 1;
	const bool tcp = !set->udp && !set->sctp;

	c->offset = tuple.offset;
	c->port = tuple.port;
	c->fd = socket(set->address.any.sa_family, type, set->sctp ? IPPROTO_SCTP : 0);
	if (c->fd < 0 || !bind_source(client, c->fd, tuple))
		return errno;
	if (set->second.family != AF_UNSPEC) {
		const union address second =
			tuple_address(&client->second, set->address.any.sa_family, tuple);
		const int error = sctp_bind_more(c->fd, &second);

		if (error)
			return error;
	}
	if (set->sctp)
		sctp_tune(c->fd, set->keepalive_ns);
	if (set->mode == MODE_STREAM && tcp)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (set->keepalive_ns && tcp)
		keep_alive(c->fd, (int)(set->keepalive_ns / NS_PER_S));
	if (connect(c->fd, &set->address.any, address_length(&set->address)) && errno != EINPROGRESS)
		return errno;
	return watch(client, c) ? 0 : errno;
}

void socket_close(struct connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void socket_tuples(struct client *client)
{
	const struct settings *set = &client->set;
	const uint32_t all = (set->connections - set->part.index + set->part.count - 1) / set->part.count;
	uint32_t *ids;

	client->count = all;
	tuple_space_init(&client->tuples, &set->source, set->sources, set->seed);
	client->tuples.same_visits = set->same_tuple;
	client->second = client->tuples;
	client->second.cidr = set->second;
	if (set->share.count == 1)
		return;
	tuple_space_share(&client->tuples, &set->share);
	ids = allocate(all * sizeof(*ids));
	client->count = 0;
	for (uint32_t i = 0; i < all; i++) {
		const uint32_t id = connection_id(client, i);
		const struct tuple tuple = set->visit ? tuple_of_visit(&client->tuples, set->visit, id, 0)
						      : tuple_at(&client->tuples, id);

		if (tuple_is_own(&client->tuples, tuple))
			ids[client->count++] = id;
	}
	client->ids = ids;
}

/* `spare`: 0, or the number of a tuple from the far end. */
static struct tuple choose(const struct client *client, const struct connection *c, uint64_t spare)
{
	const struct tuple_space *space = &client->tuples;
	const struct settings *set = &client->set;
	uint32_t id = connection_id(client, connection_index(client, c));

	if (set->visit)
		return tuple_of_visit(space, set->visit, id, spare);
	if (set->only && !spare)
		return tuple_at(space, set->only[id]);
	if (spare)
		return tuple_own(space, space->size - 1 - set->part.index, -(uint64_t)set->part.count,
				 spare - 1);
	return tuple_own(space, id, set->connections, set->same_tuple ? 0 : c->generation);
}

/* A program on this machine, or a connection in TIME_WAIT, may hold the tuple: take a spare one then. */
int socket_open(struct client *client, struct connection *c)
{
	uint64_t spare = 0;
	int error = 0;

	for (int i = 0; i < TUPLE_TRIES; i++) {
		error = open_socket(client, c, choose(client, c, spare));
		if (error != EADDRINUSE && error != EADDRNOTAVAIL)
			break;
		if (i < TUPLE_TRIES - 1)
			socket_close(c);
		spare = ++client->spare_tuples;
	}
	return error;
}
