// SPDX-License-Identifier: Apache-2.0
/* Text from the command line to values. Every parser returns true on success and leaves *to alone on failure.
 */
#ifndef TRAFFIC_PARSE_H
#define TRAFFIC_PARSE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Source network. `host_bits` counts the usable low bits, at most 16. */
struct cidr {
	int family; /* AF_INET, AF_INET6, or AF_UNSPEC: the kernel chooses */
	uint8_t bytes[16];
	int prefix;
	int host_bits;
	char text[INET6_ADDRSTRLEN + 4];
};

/* One of several processes that share the work. */
struct part {
	uint32_t index, count; /* index from 0 */
};

bool parse_u32(const char *text, void *to);  /* uint32_t */
bool parse_u64(const char *text, void *to);  /* uint64_t */
bool parse_port(const char *text, void *to); /* uint16_t, not 0 */
bool parse_rate(const char *text, void *to); /* double, finite, 0 or more */
bool parse_duration(const char *text,
		    void *to); /* uint64_t ns: "20s", "1500ms", "250us", "2m" or plain seconds */
bool parse_endpoint(const char *text, void *to); /* union address: "10.0.0.1:5003" or "[1000::]:5003" */
bool parse_address(const char *text, void *to);	 /* union address without a port */
bool parse_cidr(const char *text, void *to);	 /* struct cidr: "50.0.0.0/16" */

bool parse_part(const char *text, void *to); /* struct part: "2/6", the second of six */

int address_family_number(const union address *address); /* 4 or 6 */
socklen_t address_length(const union address *address);
uint16_t address_port(const union address *address);
void address_set_port(union address *address, uint16_t port);
/* Writes the address without its port; `to` holds INET6_ADDRSTRLEN bytes. */
const char *address_text(const union address *address, char *to);

#endif
