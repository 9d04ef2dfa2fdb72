// SPDX-License-Identifier: Apache-2.0
/*
 * `traffic hear`: who says on a link, without having been asked, that an address is its own: gratuitous ARP (RFC 5227, 3)
 * and unsolicited neighbour advertisements (RFC 4861, 7.2.6), as routers do that take an address over.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "json/json.h"
#include "util/clock.h"

#define ARP_SENDER 14
#define ARP_TARGET 24
#define ARP_BYTES 28
#define NA_FLAGS 44
#define NA_TARGET 48
#define NA_BYTES 64
#define SOLICITED 0x40

static void report(const char *event, int family, const uint8_t *address)
{
	static struct text text;
	char name[INET6_ADDRSTRLEN];

	json_event(&text, event, clock_ns());
	if (address)
		json_string(&text, "address", inet_ntop(family, address, name, sizeof(name)));
	json_line(&text);
	text_print(&text, stdout);
}

static void heard_arp(const uint8_t *packet, size_t bytes)
{
	if (bytes >= ARP_BYTES && !memcmp(packet + ARP_SENDER, packet + ARP_TARGET, 4))
		report("arp", AF_INET, packet + ARP_SENDER);
}

static void heard_ipv6(const uint8_t *packet, size_t bytes)
{
	if (bytes >= NA_BYTES && !(packet[NA_FLAGS] & SOLICITED))
		report("na", AF_INET6, packet + NA_TARGET);
}

/* Frames of one kind from their network header on. */
static int listen_on(const char *device, uint16_t ethertype)
{
	/* IPv6 with ICMPv6 as its first header, type 136; all of ARP. */
	struct sock_filter advertisements[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),	     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 58, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40),	     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 136, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 128),		     BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog filter = {sizeof(advertisements) / sizeof(*advertisements), advertisements};
	const struct sockaddr_ll link = {.sll_family = AF_PACKET,
					 .sll_protocol = htons(ethertype),
					 .sll_ifindex = (int)if_nametoindex(device)};
	const int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail(EXIT_ENVIRONMENT, "Cannot listen to frames: %s.", strerror(errno));
	if (ethertype == ETH_P_IPV6)
		setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
	if (bind(fd, (const struct sockaddr *)&link, sizeof(link)) < 0)
		fail(EXIT_ENVIRONMENT, "Cannot listen on '%s': %s.", device, strerror(errno));
	return fd;
}

static void take(int fd, void (*heard)(const uint8_t *packet, size_t bytes))
{
	struct sockaddr_ll from;
	socklen_t length = sizeof(from);
	uint8_t packet[256];
	const ssize_t bytes =
		recvfrom(fd, packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&from, &length);

	if (bytes > 0 && from.sll_pkttype != PACKET_OUTGOING)
		heard(packet, (size_t)bytes);
}

int command_hear(const struct command *command, int argc, char **argv)
{
	const char *device = NULL;
	const struct option_spec specs[] = {
		{"device", 0, "NAME", "network device to listen on", .text = &device},
	};

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	if (!device || !if_nametoindex(device))
		fail(EXIT_USAGE, "--device of this machine is missing. Try 'traffic hear --help'.");
	struct pollfd fds[] = {{.fd = listen_on(device, ETH_P_ARP), .events = POLLIN},
			       {.fd = listen_on(device, ETH_P_IPV6), .events = POLLIN},
			       {.fd = STDOUT_FILENO}};

	report("ready", 0, NULL);
	while (!(fds[2].revents & (POLLERR | POLLHUP))) {
		poll(fds, 3, -1);
		if (fds[0].revents)
			take(fds[0].fd, heard_arp);
		if (fds[1].revents)
			take(fds[1].fd, heard_ipv6);
	}
	return EXIT_OK;
}
