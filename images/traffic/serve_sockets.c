// SPDX-License-Identifier: Apache-2.0
#include "serve_sockets.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sctp.h"

#define OWN_SOCKETS (SOCKETS - 2 * MAX_SCTP) /* of TCP and UDP */
#define UDP_BUFFER_BYTES (8 << 20)

static void set_socket_options(int fd, int family, bool tcp, bool many)
{
	int on = 1, off = 0, bytes = UDP_BUFFER_BYTES;

	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (tcp) {
		/* Not for UDP, where it would let two servers share a port silently. TCP_NODELAY is
		 * inherited. */
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (many)
			setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		return;
	}
	/* A dual-stack socket reports IPv4 destinations as mapped IPv6 addresses and takes them back as such.
	 */
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	else
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	/* Answers larger than the MTU are fragmented; a cached path MTU must not make them fail. */
	int discover = IP_PMTUDISC_DONT;
	setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof(discover));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

static int open_socket(union address address, bool tcp, uint16_t port, bool many)
{
	char text[INET6_ADDRSTRLEN];
	int family = address.any.sa_family;
	int fd = socket(family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	address_set_port(&address, port);
	if (fd >= 0) {
		set_socket_options(fd, family, tcp, many);
		if (!bind(fd, &address.any, address_length(&address)) && (!tcp || !listen(fd, 65535)))
			return fd;
	}
	fprintf(stderr, "Cannot listen on %s port %u of %s: %s.%s\n", tcp ? "TCP" : "UDP", port,
		address_text(&address, text), strerror(errno),
		errno == EADDRINUSE ? " Stop the other program or choose another port." : "");
	if (fd >= 0)
		close(fd);
	return -1;
}

/*
 * Clients of the echo speak first, and their first data makes the connection, not the empty ACK before it:
 * Linux looks for a moment as if it had no such connection while an ACK makes one (inet_ehash_insert), and
 * resets what another CPU brings then. Of a million connections some ten were lost like that.
 */
static void wait_for_data(int fd)
{
	int seconds = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
}

/* The wildcard means both families, but a kernel may have been built or booted without IPv6. */
static void fall_back_to_ipv4(union address *address)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	else if (address->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr))
		*address = (union address){.v4.sin_family = AF_INET};
}

/* Without the addresses of the other family, which the peer would take for further paths. -1: it said on stderr why not. */
static int open_sctp(const struct sctp_addresses *addresses, uint16_t port)
{
	union address address = addresses->list[0];
	const int family = address.any.sa_family, on = 1;
	int fd = socket(family, SCTP_TYPE, IPPROTO_SCTP), error = 0;
	char text[INET6_ADDRSTRLEN];

	address_set_port(&address, port);
	if (fd >= 0 && family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (fd < 0 || bind(fd, &address.any, address_length(&address)))
		error = errno;
	for (uint32_t i = 1; !error && i < addresses->n; i++) {
		union address more = addresses->list[i];

		address_set_port(&more, port);
		error = sctp_bind_more(fd, &more);
	}
	if (!error) {
		sctp_tune(fd, 0);
		error = listen(fd, 65535) ? errno : 0;
	}
	if (!error)
		return fd;
	fprintf(stderr, "Cannot listen on SCTP port %u of %s: %s.\n", port,
		address_text(&addresses->list[0], text), strerror(error));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* All processes accept from the same. */
static bool sctp_sockets(const struct serve_options *options, struct shared_socket (*sockets)[SOCKETS])
{
	for (uint32_t i = 0; i < 2 * MAX_SCTP; i++) {
		const enum service service = i % 2 ? SERVICE_ECHO_SCTP : SERVICE_NAME_SCTP;
		const uint16_t port = i % 2 ? options->stream_port : options->connect_port;
		struct shared_socket own = {service, -1};

		if (i / 2 < options->sctp_n && port) {
			own.fd = open_sctp(&options->sctp[i / 2], port);
			if (own.fd < 0)
				return false;
		}
		for (uint32_t k = 0; k < options->processes; k++)
			sockets[k][OWN_SOCKETS + i] = own;
	}
	return true;
}

bool serve_sockets(struct serve_options *options, struct shared_socket (*sockets)[SOCKETS])
{
	const struct {
		enum service service;
		uint16_t port;
	} wanted[OWN_SOCKETS] = {
		{SERVICE_NAME_TCP, options->connect_port}, {SERVICE_ECHO_TCP, options->stream_port},
		{SERVICE_NAME_UDP, options->connect_port}, {SERVICE_ECHO_UDP, options->udp_port},
		{SERVICE_ECHO_UDP, options->echo_port},
	};

	fall_back_to_ipv4(&options->address);
	/* UDP first: without SO_REUSEPORT it tells of another server on these ports. */
	for (int i = OWN_SOCKETS - 1; i >= 0; i--) {
		bool tcp = wanted[i].service == SERVICE_NAME_TCP || wanted[i].service == SERVICE_ECHO_TCP;

		for (uint32_t k = 0; k < options->processes; k++) {
			sockets[k][i] = (struct shared_socket){wanted[i].service, k ? sockets[0][i].fd : -1};
			if (!wanted[i].port)
				continue; /* nobody's descriptor: it is refused wherever it is used */
			if (tcp || k == 0)
				sockets[k][i].fd = open_socket(options->address, tcp, wanted[i].port,
							       options->processes > 1);
			if (sockets[k][i].fd < 0)
				return false;
			if (wanted[i].service == SERVICE_ECHO_TCP)
				wait_for_data(sockets[k][i].fd);
		}
	}
	return sctp_sockets(options, sockets);
}
