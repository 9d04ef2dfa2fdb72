// SPDX-License-Identifier: Apache-2.0
/*
 * The generator's state: one thread, one epoll set, one timing wheel. What works on it:
 *
 * client.c      the loop: timers, sockets, samples, the end
 * connection.c  the life of a connection: opened, established, ended, opened again
 * socket.c      its socket, bound to a 5-tuple of the seed
 * message.c     what goes over it: the open-loop schedule, messages
 * answer.c      what comes back: echoes, UDP answers, host names
 * events.c      what is told about it, as JSON lines; originals.c, as mconnect and ctraffic tell it
 *
 * A connection is established when its target has answered by name, so each established connection has a
 * target.
 */
#ifndef TRAFFIC_STATE_H
#define TRAFFIC_STATE_H

#include <stdbool.h>

#include "cause.h"
#include "hist.h"
#include "hosts.h"
#include "integrity.h"
#include "row.h"
#include "settings.h"
#include "tuple.h"
#include "wheel.h"

#define NEVER_NS UINT64_MAX
#define ROWS_PER_LINE 1024
#define MISSED_PER_LINE 1024
#define TAG_BYTES 16	     /* the first bytes of the mark: all that UDP needs */
#define ECHO_BYTES (1 << 18) /* read at a time */
#define MIN_TCP_MESSAGE HOST_NAME_BYTES
#define MIN_UDP_MESSAGE (HOST_NAME_BYTES + TAG_BYTES)

enum state { STATE_IDLE, STATE_OPENING, STATE_LIVE, STATE_DONE };

struct connection {
	uint64_t first_due_ns; /* due time of message 0; closed loop: of the message under way */
	uint64_t opened_ns, established_ns, progress_ns;
	uint64_t seen; /* UDP: see window.h */
	int fd;
	uint32_t offset; /* of the source address */
	uint32_t longest_gap; /* in units of rows */
	uint32_t sent, received;      /* messages */
	uint32_t answered;	      /* all before this one are answered, or given up (UDP) */
	uint32_t out_bytes, in_bytes; /* of the message, or echo, under way */
	uint16_t generation, port, host, moved_to;
	uint16_t backoff_ms;
	uint8_t state;
	bool writable; /* handshake done and, as far as we know, room in the socket buffer */
	bool overdue;  /* what is due now had to wait for room or for the handshake: no fault of ours */
	bool wrong;    /* TCP: the echo under way is not as it was sent */
};

/* Counters since the start. */
struct totals {
	uint64_t established, failed_connects, failed_reads, lost[CAUSES], lost_all;
	uint64_t sent, received, late_sends;
};

/* What went wrong with a target's connections, since the start. */
struct troubles {
	struct integrity integrity;
	uint64_t resent;     /* TCP: segments that were sent again, of connections that have a row */
	uint64_t unanswered; /* UDP: messages, likewise */
};

struct client {
	struct settings set;
	struct tuple_space tuples, second; /* see settings.second */
	struct connection *list;
	uint32_t *ids; /* of the list's connections; NULL: every one of this part is of this machine's share */
	struct wheel wheel;
	struct hosts hosts;
	struct totals totals;
	struct troubles *troubles; /* by host, and behind them those of connections that have none */
	char *message, *echo; /* ECHO_BYTES */
	int epoll_fd, signal_fd;
	uint32_t count;		   /* connections of this part: the length of `list` */
	uint64_t start_ns, end_ns; /* no message is due at or after end_ns */
	uint64_t spare_tuples;	   /* used in place of tuples that others hold */
	uint32_t next;		   /* the next connection to open for the first time */
	uint64_t room_ns;	   /* --hold: when there was room again; what was due before is due then */
	uint32_t alive, opening;
	uint32_t first_pending, first_established; /* of generation 0 */
	int64_t outstanding;			   /* messages of living connections without an answer */
	uint64_t max_late_ns, max_late_sample_ns;
	uint32_t hist[HIST_BUCKETS]; /* since the last sample */
	uint8_t rows[ROWS_PER_LINE * ROW_BYTES];
	uint32_t row_count;
	uint64_t missed[MISSED_PER_LINE]; /* due times that are not told yet */
	uint32_t missed_count;
	struct originals *originals; /* what the other output formats must remember */
	uint32_t signal;	     /* that told it to end before its time; 0: none */
	bool all_told, stop, draining, full;
};

/* Takes the signal that is waiting, and with it the client stops. */
void client_signalled(struct client *client, int signal_fd);

/* What is kept of targets; every generator has it. */
void client_targets_init(struct client *client);

/* The target has answered by name: `host` is the index of it, or NO_HOST. */
void connection_established(struct client *client, struct connection *c, uint16_t host, uint64_t now);
/* The first generation of a connection is established, or has failed. */
void connection_settled(struct client *client, const struct connection *c, bool established);

static inline uint32_t connection_index(const struct client *client, const struct connection *c)
{
	return (uint32_t)(c - client->list);
}

static inline struct troubles *troubles_of(const struct client *client, const struct connection *c)
{
	return &client->troubles[c->host == NO_HOST ? MAX_HOSTS : c->host];
}

/* Its number among the connections of all parts; its 5-tuple and its place in the schedule follow from it. */
static inline uint32_t connection_id(const struct client *client, uint32_t index)
{
	return client->ids ? client->ids[index] : index * client->set.part.count + client->set.part.index;
}

static inline uint64_t row_unit_ns(const struct client *client)
{
	return (client->set.unit_us ? client->set.unit_us : 1) * NS_PER_US;
}

/* Units of rows since the start of the stream. */
static inline uint32_t since_start(const struct client *client, uint64_t ns)
{
	uint64_t units = ns < client->start_ns ? 0 : (ns - client->start_ns) / row_unit_ns(client);

	return units < NEVER ? (uint32_t)units : NEVER - 1;
}

#endif
