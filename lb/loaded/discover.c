// SPDX-License-Identifier: Apache-2.0
#include "discover.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "cli/options.h"
#include "json/json.h"
#include "util/clock.h"

/* As in tcp_info; the kernel keeps its list to itself. */
#define STATE_ESTABLISHED 1
#define STATE_CLOSE_WAIT 8
#define OWN_MAX 64
/* Connections that are tried at once. */
#define TRIES 128
/* Answers to an echo are taken for a part of the cycle, at most so long. */
#define ECHO_MS 100

static struct {
	struct balancer *balancer;
	pthread_t thread;
	int wake;
	int echo[2]; /* raw sockets: ICMPv6, ICMP; -1: none */
	uint8_t own[OWN_MAX][16];
	uint32_t own_n;
	struct sockaddr_in broadcast;
	struct sockaddr_in6 all_nodes;
	uint32_t sequence;
	uint8_t failed[TARGETS_MAX]; /* cycles in a row */
} self;

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
	const char *device = self.balancer->settings.device;
	const int family = at->ifa_addr->sa_family;

	if (self.own_n < OWN_MAX)
		address_of(at->ifa_addr, self.own[self.own_n++]);
	if (strcmp(at->ifa_name, device) != 0)
		return;
	if (family == AF_INET && self.echo[1] < 0 && at->ifa_netmask) {
		/* The address may have been given without one: it is the last of its net. */
		self.broadcast = *(const struct sockaddr_in *)at->ifa_addr;
		self.broadcast.sin_addr.s_addr |=
			~((const struct sockaddr_in *)at->ifa_netmask)->sin_addr.s_addr;
		self.echo[1] = echo_socket(device, at->ifa_addr, sizeof(struct sockaddr_in));
	}
	if (family == AF_INET6 && self.echo[0] < 0 &&
	    !IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)at->ifa_addr)->sin6_addr)) {
		self.all_nodes = (struct sockaddr_in6){
			.sin6_family = AF_INET6,
			.sin6_scope_id = if_nametoindex(device),
		};
		inet_pton(AF_INET6, "ff02::1", &self.all_nodes.sin6_addr);
		self.echo[0] = echo_socket(device, at->ifa_addr, sizeof(struct sockaddr_in6));
	}
}

void discover_open(struct balancer *balancer)
{
	struct ifaddrs *list;

	self.balancer = balancer;
	self.echo[0] = self.echo[1] = -1;
	self.wake = eventfd(0, EFD_CLOEXEC);
	if (self.wake < 0)
		fail(EXIT_ERROR, "Cannot make an event descriptor: %s.", strerror(errno));
	if (!balancer->settings.device)
		return;
	if (!if_nametoindex(balancer->settings.device))
		fail(EXIT_USAGE, "There is no device '%s'.", balancer->settings.device);
	if (getifaddrs(&list))
		fail(EXIT_ERROR, "Cannot list the addresses of this machine: %s.", strerror(errno));
	for (const struct ifaddrs *at = list; at; at = at->ifa_next)
		if (at->ifa_addr && (at->ifa_addr->sa_family == AF_INET || at->ifa_addr->sa_family == AF_INET6))
			take_address(at);
	freeifaddrs(list);
	if (self.echo[0] < 0 && self.echo[1] < 0)
		fail(EXIT_ERROR, "'%s' has no address to ask from.", balancer->settings.device);
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

static void ask_everybody(void)
{
	struct icmphdr echo4 = {.type = ICMP_ECHO};
	struct icmp6_hdr echo6 = {.icmp6_type = ICMP6_ECHO_REQUEST}; /* the kernel sums up */

	self.sequence++;
	echo4.un.echo.id = echo6.icmp6_id = htons((uint16_t)getpid());
	echo4.un.echo.sequence = echo6.icmp6_seq = htons((uint16_t)self.sequence);
	echo4.checksum = internet_checksum(&echo4, sizeof(echo4));
	/* One that cannot be sent now is asked again in the next cycle. */
	if (self.echo[1] >= 0)
		(void)!sendto(self.echo[1], &echo4, sizeof(echo4), 0, (struct sockaddr *)&self.broadcast,
			      sizeof(self.broadcast));
	if (self.echo[0] >= 0)
		(void)!sendto(self.echo[0], &echo6, sizeof(echo6), 0, (struct sockaddr *)&self.all_nodes,
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

static void take_answers(int fd)
{
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	uint8_t data[256], address[16];
	ssize_t size;

	while ((size = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &length)) > 0) {
		address_of((struct sockaddr *)&from, address);
		if (is_answer(from.ss_family, data, (size_t)size) && !is_own(address))
			targets_add(&self.balancer->targets, address, true);
		length = sizeof(from);
	}
}

static int left_ms(uint64_t until_ns)
{
	const uint64_t now = clock_ns();

	return now >= until_ns ? 0 : (int)((until_ns - now + 999999) / 1000000);
}

/* Takes answers until then. False: the program is to end. */
static bool listen_until(uint64_t until_ns)
{
	struct pollfd events[] = {{.fd = self.wake, .events = POLLIN},
				  {.fd = self.echo[0], .events = POLLIN},
				  {.fd = self.echo[1], .events = POLLIN}};

	do {
		if (poll(events, 3, left_ms(until_ns)) < 0 && errno != EINTR)
			return false;
		for (int i = 1; i < 3; i++)
			if (events[i].revents)
				take_answers(events[i].fd);
	} while (!events[0].revents && left_ms(until_ns) > 0);
	return !events[0].revents;
}

struct try {
	uint32_t target;
	int fd; /* -1: it is over */
	bool alive;
};

/* By what the connection has come to; counts what it has sent, the reset of one that was made included. */
static void end(struct try *try)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	getsockopt(try->fd, IPPROTO_TCP, TCP_INFO, &info, &size);
	try->alive = info.tcpi_state == STATE_ESTABLISHED || info.tcpi_state == STATE_CLOSE_WAIT;
	atomic_fetch_add(&self.balancer->probes, info.tcpi_segs_out + try->alive);
	close(try->fd);
	try->fd = -1;
}

/* From a port of the kernel's choice; that the target's port is open is all that is asked. */
static void begin(struct try *try)
{
	const uint8_t *address = self.balancer->targets.list[try->target].address;
	const bool ip4 = address_is_ip4(address);
	const uint16_t port = htons((uint16_t)self.balancer->settings.port_alive);
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = port};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = port};
	const struct linger reset = {.l_onoff = 1};
	int result;

	memcpy(&to4.sin_addr, address + 12, 4);
	memcpy(&to6.sin6_addr, address, 16);
	try->alive = false;
	try->fd = socket(ip4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (try->fd < 0)
		return;
	/* Nothing waits for the end of a check. */
	setsockopt(try->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	result = ip4 ? connect(try->fd, (struct sockaddr *)&to4, sizeof(to4))
		     : connect(try->fd, (struct sockaddr *)&to6, sizeof(to6));
	if (result && errno != EINPROGRESS)
		end(try);
}

/* Until all have answered or their time is up. */
static void settle_tries(struct try *tries, uint32_t n)
{
	const uint64_t until = clock_ns() + self.balancer->settings.alive_ms * 1000000ull;
	struct pollfd events[TRIES];
	uint32_t open;

	do {
		open = 0;
		for (uint32_t i = 0; i < n; i++) {
			events[i] = (struct pollfd){.fd = tries[i].fd, .events = POLLOUT};
			open += tries[i].fd >= 0;
		}
		if (open && poll(events, n, left_ms(until)) < 0)
			break;
		for (uint32_t i = 0; open && i < n; i++)
			if (tries[i].fd >= 0 && events[i].revents)
				end(&tries[i]);
	} while (open && left_ms(until) > 0 && !atomic_load(&self.balancer->stop));
	for (uint32_t i = 0; i < n; i++)
		if (tries[i].fd >= 0)
			end(&tries[i]);
}

static void tell(const char *event, const struct target *target)
{
	struct text text = {0};

	json_event(&text, event, clock_ns());
	json_string(&text, "address", address_text(target->address).text);
	json_bool(&text, "configured", !target->found);
	json_line(&text);
	text_print(&text, stdout);
	text_free(&text);
}

static void judge(const struct try *try)
{
	struct balancer *balancer = self.balancer;
	const struct target *target = &balancer->targets.list[try->target];
	const bool gone = target_state(&balancer->targets, try->target) == TARGET_GONE;

	if (try->alive) {
		self.failed[try->target] = 0;
		if (!gone || atomic_load(&target->out_of_order))
			return;
		balancer_set_state(balancer, try->target, TARGET_ACTIVE);
		tell("target_up", target);
	} else if (!gone && ++self.failed[try->target] >= balancer->settings.fall) {
		self.failed[try->target] = 0;
		balancer_set_state(balancer, try->target, TARGET_GONE);
		tell("target_down", target);
	}
}

/* Those taken out by hand are left alone, and those that nobody configured unless they may come in. */
static bool is_watched(const struct target *target)
{
	return !atomic_load(&target->out_of_order) && (!target->found || self.balancer->settings.hotplug);
}

static void check_all(void)
{
	const struct targets *targets = &self.balancer->targets;
	struct try tries[TRIES];
	uint32_t n = 0;

	for (uint32_t i = 0; i < atomic_load(&targets->n) && !atomic_load(&self.balancer->stop); i++) {
		if (is_watched(&targets->list[i])) {
			tries[n].target = i;
			begin(&tries[n++]);
		}
		if (n < TRIES && i + 1 < atomic_load(&targets->n))
			continue;
		settle_tries(tries, n);
		for (uint32_t k = 0; k < n; k++)
			judge(&tries[k]);
		n = 0;
	}
}

static void *work(void *none)
{
	const struct settings *settings = &self.balancer->settings;
	const uint32_t echo_ms = settings->cycle_ms / 2 < ECHO_MS ? settings->cycle_ms / 2 : ECHO_MS;

	for (bool goes_on = true; goes_on;) {
		const uint64_t begun = clock_ns();

		ask_everybody();
		goes_on = listen_until(begun + echo_ms * 1000000ull);
		if (goes_on && settings->port_alive)
			check_all();
		goes_on = goes_on && listen_until(begun + settings->cycle_ms * 1000000ull);
	}
	return none;
}

int discover_start(void)
{
	return pthread_create(&self.thread, NULL, work, NULL);
}

void discover_stop(void)
{
	(void)!write(self.wake, &(uint64_t){1}, sizeof(uint64_t));
	pthread_join(self.thread, NULL);
}
