// SPDX-License-Identifier: Apache-2.0
/* From an Ethernet frame to the connection of a client that it belongs to. Pure. */
#ifndef TAP_FRAME_H
#define TAP_FRAME_H

#include <stdbool.h>
#include <stdint.h>

/* The clients' networks: IPv4 as ::ffff:a.b.c.d. */
struct network {
	uint8_t address[16];
	uint32_t bits;
};
/* Sources, and the own addresses of eight testers on two networks. */
#define NETWORKS_MAX 40

struct networks {
	struct network of[NETWORKS_MAX];
	uint32_t n;
};

/* "50.0.0.0/16" or "2000::/112". False: it is none. */
bool network_parse(const char *text, struct network *network);
/* For option_spec.parse: one more of a struct networks. */
bool networks_add(const char *text, void *networks);

/* A client's end of a connection: that is how its packets are known, whatever a balancer makes of the other.
 */
struct client {
	uint8_t address[16];
	uint8_t port[2]; /* network order */
	uint8_t protocol;
	uint8_t zero;
};
_Static_assert(sizeof(struct client) == 20, "the client is hashed as it lies in memory");

enum frame_sign {
	FRAME_NONE,    /* nothing special */
	FRAME_RESET,   /* TCP RST, but for one by which a client ends its connection */
	FRAME_ERROR,   /* ICMP error about the connection */
	FRAME_REQUEST, /* TCP of the client that takes up sequence numbers: SYN, data, FIN */
};

struct frame {
	struct client client;
	enum frame_sign sign;
	uint32_t sequence; /* of a FRAME_REQUEST, and the number of those that it takes up */
	uint32_t taken;
	bool begins; /* SYN: its numbers have nothing to do with those of a connection before */
};

/* False: it belongs to no client. Tunnels of IP in IP are looked into. */
bool frame_read(const uint8_t *data, uint32_t captured, uint32_t length, const struct networks *clients,
		struct frame *frame);

#endif
