// SPDX-License-Identifier: Apache-2.0
#include "discover.h"

#include <errno.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "cli/fail.h"
#include "echo.h"
#include "json/json.h"
#include "util/clock.h"

/* As in tcp_info; the kernel keeps its list to itself. */
#define STATE_ESTABLISHED 1
#define STATE_CLOSE_WAIT 8
/* Connections that are tried at once. */
#define TRIES 128
/* Answers to an echo are taken for a part of the cycle, at most so long. */
#define ECHO_MS 100

static struct {
	struct balancer *balancer;
	pthread_t thread;
	int wake;
	int echo[ECHO_SOCKETS]; /* -1: none */
	uint8_t failed[TARGETS_MAX]; /* cycles in a row */
	uint32_t silent; /* cycles in a row in which no target answered */
	struct try {
		uint32_t target;
		int fd; /* -1: it is over */
		bool alive;
	} tries[TARGETS_MAX]; /* of a cycle */
} self;

void discover_open(struct balancer *balancer)
{
	self.balancer = balancer;
	self.echo[0] = self.echo[1] = -1;
	self.wake = eventfd(0, EFD_CLOEXEC);
	if (self.wake < 0)
		fail(EXIT_ERROR, "Cannot make an event descriptor: %s.", strerror(errno));
	if (balancer->settings.device)
		echo_open(balancer->settings.device, self.echo);
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
				echo_take(events[i].fd, &self.balancer->targets);
	} while (!events[0].revents && left_ms(until_ns) > 0);
	return !events[0].revents;
}

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
	const bool gone = target_state(&balancer->targets, try->target) >= TARGET_GONE;

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

/*
 * Of several targets that clients use none answers: this router is cut off, and they are not all dead. Were they taken for dead, there
 * would be none when its links are back.
 */
static bool is_cut_off(uint32_t n)
{
	uint32_t in_use = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (self.tries[i].alive)
			return false;
		in_use += target_state(&self.balancer->targets, self.tries[i].target) < TARGET_GONE;
	}
	return in_use > 1;
}

static void check_all(void)
{
	const struct targets *targets = &self.balancer->targets;
	uint32_t n = 0, settled = 0;

	for (uint32_t i = 0; i < atomic_load(&targets->n) && !atomic_load(&self.balancer->stop); i++) {
		if (!is_watched(&targets->list[i]))
			continue;
		self.tries[n].target = i;
		begin(&self.tries[n++]);
		if (n - settled < TRIES)
			continue;
		settle_tries(&self.tries[settled], n - settled);
		settled = n;
	}
	settle_tries(&self.tries[settled], n - settled);
	self.silent = is_cut_off(n) ? self.silent + 1 : 0;
	atomic_store(&self.balancer->cut_off, self.silent >= self.balancer->settings.fall);
	for (uint32_t i = 0; self.silent == 0 && i < n; i++)
		judge(&self.tries[i]);
}

static void *work(void *none)
{
	const struct settings *settings = &self.balancer->settings;
	const uint32_t echo_ms = settings->cycle_ms / 2 < ECHO_MS ? settings->cycle_ms / 2 : ECHO_MS;

	for (bool goes_on = true; goes_on;) {
		const uint64_t begun = clock_ns();

		if (self.balancer->settings.device)
			echo_ask();
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
