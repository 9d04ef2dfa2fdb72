// SPDX-License-Identifier: Apache-2.0
#include "echo.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "cli/fail.h"

#define OWN_MAX 64

static struct {
	const char *device;
	int fd[ECHO_SOCKETS]; /* raw sockets: ICMPv6, ICMP; -1: none */
	uint8_t own[OWN_MAX][16];
	uint32_t own_n;
	struct sockaddr_in broadcast;
	struct sockaddr_in6 all_nodes;
	uint32_t sequence;
} self = {.fd = {-1, -1}};

static void address_of(const struct sockaddr *from, uint8_t address[16])
{
	if (from->sa_family == AF_INET) {
		memcpy(address, address_mapped, sizeof(address_mapped));
		memcpy(address + 12, &((const struct sockaddr_in *)from)->sin_addr, 4);
	} else {
		memcpy(address, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
	}
}

static bool is_own(const uint8_t address[16])
{
	for (uint32_t i = 0; i < self.own_n; i++)
		if (address_equal(self.own[i], address))
			return true;
	return false;
}

/* An echo socket on the device; answers come to the address that it is bound to. */
static int echo_socket(const char *device, const struct sockaddr *own, socklen_t size)
{
	const int protocol = own->sa_family == AF_INET ? IPPROTO_ICMP : (int)IPPROTO_ICMPV6, on = 1;
	const int fd = socket(own->sa_family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	struct icmp6_filter filter;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)) ||
	    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) || bind(fd, own, size))
		fail(EXIT_ERROR, "Cannot send ICMP echoes on '%s': %s.", device, strerror(errno));
	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
	if (own->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter));
	return fd;
}

/* One address of the device: the first of each family that is not of the link alone asks. */
static void take_address(const struct ifaddrs *at)
{
	const char *device = self.device;
	const int family = at->ifa_addr->sa_family;

	if (self.own_n < OWN_MAX)
		address_of(at->ifa_addr, self.own[self.own_n++]);
	if (strcmp(at->ifa_name, device) != 0)
		return;
	if (family == AF_INET && self.fd[1] < 0 && at->ifa_netmask) {
		/* The address may have been given without one: it is the last of its net. */
		self.broadcast = *(const struct sockaddr_in *)at->ifa_addr;
		self.broadcast.sin_addr.s_addr |=
			~((const struct sockaddr_in *)at->ifa_netmask)->sin_addr.s_addr;
		self.fd[1] = echo_socket(device, at->ifa_addr, sizeof(struct sockaddr_in));
	}
	if (family == AF_INET6 && self.fd[0] < 0 &&
	    !IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)at->ifa_addr)->sin6_addr)) {
		self.all_nodes = (struct sockaddr_in6){
			.sin6_family = AF_INET6,
			.sin6_scope_id = if_nametoindex(device),
		};
		inet_pton(AF_INET6, "ff02::1", &self.all_nodes.sin6_addr);
		self.fd[0] = echo_socket(device, at->ifa_addr, sizeof(struct sockaddr_in6));
	}
}

void echo_open(const char *device, int fds[ECHO_SOCKETS])
{
	struct ifaddrs *list;

	self.device = device;
	if (!if_nametoindex(device))
		fail(EXIT_USAGE, "There is no device '%s'.", device);
	if (getifaddrs(&list))
		fail(EXIT_ERROR, "Cannot list the addresses of this machine: %s.", strerror(errno));
	for (const struct ifaddrs *at = list; at; at = at->ifa_next)
		if (at->ifa_addr && (at->ifa_addr->sa_family == AF_INET || at->ifa_addr->sa_family == AF_INET6))
			take_address(at);
	freeifaddrs(list);
	if (self.fd[0] < 0 && self.fd[1] < 0)
		fail(EXIT_ERROR, "'%s' has no address to ask from.", device);
	memcpy(fds, self.fd, sizeof(self.fd));
}

static uint16_t internet_checksum(const void *data, size_t size)
{
	const uint16_t *words = data;
	uint32_t sum = 0;

	for (; size >= 2; size -= 2)
		sum += *words++;
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

void echo_ask(void)
{
	struct icmphdr echo4 = {.type = ICMP_ECHO};
	struct icmp6_hdr echo6 = {.icmp6_type = ICMP6_ECHO_REQUEST}; /* the kernel sums up */

	self.sequence++;
	echo4.un.echo.id = echo6.icmp6_id = htons((uint16_t)getpid());
	echo4.un.echo.sequence = echo6.icmp6_seq = htons((uint16_t)self.sequence);
	echo4.checksum = internet_checksum(&echo4, sizeof(echo4));
	/* One that cannot be sent now is asked again in the next cycle. */
	if (self.fd[1] >= 0)
		(void)!sendto(self.fd[1], &echo4, sizeof(echo4), 0, (struct sockaddr *)&self.broadcast,
			      sizeof(self.broadcast));
	if (self.fd[0] >= 0)
		(void)!sendto(self.fd[0], &echo6, sizeof(echo6), 0, (struct sockaddr *)&self.all_nodes,
			      sizeof(self.all_nodes));
}

/* Whether it is an answer to this program. */
static bool is_answer(int family, const uint8_t *data, size_t size)
{
	const size_t header = family == AF_INET && size ? (data[0] & 15u) * 4 : 0;
	const uint16_t id = htons((uint16_t)getpid());

	if (size < header + 8 || memcmp(data + header + 4, &id, 2) != 0)
		return false;
	return data[header] == (family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY);
}

void echo_take(int fd, struct targets *targets)
{
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	uint8_t data[256], address[16];
	ssize_t size;

	while ((size = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &length)) > 0) {
		address_of((struct sockaddr *)&from, address);
		if (is_answer(from.ss_family, data, (size_t)size) && !is_own(address))
			targets_add(targets, address, true);
		length = sizeof(from);
	}
}

