// SPDX-License-Identifier: Apache-2.0
/*
 * The server: one or more processes, each with one epoll set and TCP sockets of its own that listen on the
 * same ports (SO_REUSEPORT: the kernel shares connections out by their 4-tuples). The UDP sockets are shared
 * by all.
 */
#ifndef TRAFFIC_SERVER_H
#define TRAFFIC_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>

#include "integrity.h"
#include "parse.h"

#define MAX_SCTP 20 /* --sctp */
#define SOCKETS (5 + 2 * MAX_SCTP)
#define MAX_PROCESSES 256
#define ECHO_CHUNK 65536 /* the largest read; also bounds what is kept for a peer that does not read */

enum service {
	SERVICE_SIGNAL,
	SERVICE_OUTPUT,
	SERVICE_HEARTBEAT,
	SERVICE_NAME_TCP, /* listening sockets */
	SERVICE_ECHO_TCP,
	SERVICE_NAME_UDP,
	SERVICE_ECHO_UDP,
	SERVICE_NAME_SCTP, /* listening sockets */
	SERVICE_ECHO_SCTP,
	SERVICE_NAME_PEER, /* accepted connections */
	SERVICE_ECHO_PEER,
};

/* The addresses of one SCTP service: its peers learn of all of them. */
struct sctp_addresses {
	uint32_t n;
	union address list[2];
};

struct serve_options {
	const char *name;
	union address address;
	uint16_t connect_port, stream_port, udp_port, echo_port;
	uint32_t processes, sctp_n;
	struct sctp_addresses sctp[MAX_SCTP];
	uint64_t heartbeat_ns; /* 0: none */
};

struct shared_socket {
	enum service service;
	int fd;
};

/* An accepted echo connection, found by its descriptor. Idle ones hold nothing else. */
struct peer {
	char *pending; /* echo that did not fit into the socket buffer */
	uint32_t pending_bytes, pending_sent;
	uint32_t named; /* bytes of the host-name header passed so far */
	bool by_message; /* SCTP: a read takes one message at most */
	struct stream_check check;
};

struct server {
	char name[65];
	size_t name_bytes;
	uint64_t heartbeat_ns;
	struct peer
		*peers; /* one for each possible descriptor; the kernel provides pages as they are touched */
};

struct counts {
	uint64_t accepted, closed, messages, bytes;
	struct integrity integrity;
};

struct udp_batch;

struct worker {
	struct server *server;
	int epoll_fd, spare_fd;
	uint32_t process; /* its number */
	struct counts counts;
	struct udp_batch *udp;
	char *buffer; /* ECHO_CHUNK bytes */
};

/* The service and descriptor of an epoll entry in its 64 bits of user data. */
static inline uint64_t entry_pack(enum service service, int fd)
{
	return (uint64_t)service << 32 | (uint32_t)fd;
}

/* Copies the host name and, if there is room, a NUL over the start of a message. */
static inline void name_over(const struct server *server, char *message, size_t from, size_t bytes)
{
	size_t length = server->name_bytes + 1; /* with its NUL */

	if (from < length)
		memcpy(message, server->name + from, bytes < length - from ? bytes : length - from);
}

#endif
