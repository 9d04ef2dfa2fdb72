// SPDX-License-Identifier: Apache-2.0
/* Health checks by ICMP echo, by TCP connections, or by datagrams: who answers, and since when not. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "json/json.h"
#include "parse.h"
#include "util/clock.h"

#define CHECKED_MAX 64

struct checked {
	const char *text;
	struct sockaddr_in address;
	uint64_t next_ns; /* the next echo is due */
	uint64_t sent_ns; /* of the echo that is not answered yet; 0: there is none */
	uint32_t row;	  /* so many in a row say otherwise than `up` */
	uint16_t sequence;
	int fd; /* TCP and UDP: of the check that is under way; -1: there is none */
	bool up;
};

struct checker {
	struct checked of[CHECKED_MAX];
	uint32_t n;
	uint64_t interval_ns, timeout_ns;
	uint32_t rise, fall;
	uint16_t id;
	uint16_t tcp_port, udp_port; /* 0: ICMP is asked */
	int fd;			     /* ICMP's; -1 with the others */
};

static void report(const struct checked *one, const char *event, uint64_t now)
{
	static struct text text;

	json_event(&text, event, now);
	if (one)
		json_string(&text, "address", one->text);
	json_line(&text);
	text_print(&text, stdout);
}

/* What one check found; enough of them in a row are a change. */
static void found(const struct checker *checker, struct checked *one, bool answered, uint64_t now)
{
	one->sent_ns = 0;
	if (one->fd >= 0)
		close(one->fd);
	one->fd = -1;
	if (answered == one->up) {
		one->row = 0;
		return;
	}
	if (++one->row < (answered ? checker->rise : checker->fall))
		return;
	one->up = answered;
	one->row = 0;
	report(one, answered ? "up" : "down", now);
}

static uint16_t sum_of(const void *data, size_t bytes)
{
	const uint8_t *at = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < bytes; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~(sum + (sum >> 16)));
}

static void ask_icmp(const struct checker *checker, struct checked *one)
{
	struct icmphdr echo = {.type = ICMP_ECHO,
			       .un.echo = {.id = checker->id, .sequence = htons(++one->sequence)}};

	echo.checksum = sum_of(&echo, sizeof(echo));
	/* What cannot be sent is not answered. */
	sendto(checker->fd, &echo, sizeof(echo), MSG_DONTWAIT, (struct sockaddr *)&one->address,
	       sizeof(one->address));
}

/* A TCP connection ends by a reset, so that neither side keeps anything of it. */
static void ask_port(const struct checker *checker, struct checked *one)
{
	const struct linger none = {.l_onoff = 1};
	struct sockaddr_in to = one->address;

	to.sin_port = htons(checker->tcp_port ? checker->tcp_port : checker->udp_port);
	one->fd = socket(AF_INET, (checker->tcp_port ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (one->fd < 0)
		return;
	if (checker->tcp_port)
		setsockopt(one->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	if (connect(one->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
		return;
	if (checker->udp_port)
		send(one->fd, "", 1, MSG_NOSIGNAL);
}

static void ask(const struct checker *checker, struct checked *one, uint64_t now)
{
	if (checker->fd >= 0)
		ask_icmp(checker, one);
	else
		ask_port(checker, one);
	one->sent_ns = now;
	one->next_ns += checker->interval_ns;
	if (one->next_ns <= now)
		one->next_ns = now + checker->interval_ns; /* it stood still itself */
}

static void answered(struct checker *checker, uint64_t now)
{
	struct {
		uint8_t bytes[512];
	} packet;
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	ssize_t bytes;

	while ((bytes = recvfrom(checker->fd, &packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&from,
				 &length)) > 0) {
		const size_t header = (packet.bytes[0] & 0xfU) * 4;
		struct icmphdr echo;

		if ((size_t)bytes < header + sizeof(echo))
			continue;
		memcpy(&echo, packet.bytes + header, sizeof(echo));
		if (echo.type != ICMP_ECHOREPLY || echo.un.echo.id != checker->id)
			continue;
		for (uint32_t i = 0; i < checker->n; i++) {
			struct checked *one = &checker->of[i];

			if (one->address.sin_addr.s_addr == from.sin_addr.s_addr && one->sent_ns &&
			    one->sequence == ntohs(echo.un.echo.sequence))
				found(checker, one, true, now);
		}
	}
}

/* A connection that stands, or a datagram that came; an error is no answer. */
static void port_answered(const struct checker *checker, struct checked *one, uint64_t now)
{
	int error = 0;
	socklen_t length = sizeof(error);
	char byte;

	if (checker->udp_port)
		error = recv(one->fd, &byte, sizeof(byte), MSG_DONTWAIT) < 0;
	else
		getsockopt(one->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	found(checker, one, error == 0, now);
}

/* Does what is due; returns when the next thing is. */
static uint64_t turn(const struct checker *checker, struct checked *one, uint64_t now)
{
	if (one->sent_ns && now >= one->sent_ns + checker->timeout_ns)
		found(checker, one, false, now);
	if (!one->sent_ns && now >= one->next_ns)
		ask(checker, one, now);
	return one->sent_ns ? one->sent_ns + checker->timeout_ns : one->next_ns;
}

static void run(struct checker *checker)
{
	/* Nobody listens any more: stdout is a pipe. */
	struct pollfd fds[2 + CHECKED_MAX] = {{.fd = checker->fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};

	for (uint32_t i = 0; i < checker->n; i++)
		checker->of[i].next_ns = clock_ns() + i * (checker->interval_ns / checker->n);
	while (!(fds[1].revents & (POLLERR | POLLHUP))) {
		uint64_t now = clock_ns();
		uint64_t next = now + checker->interval_ns;

		if (checker->fd >= 0)
			answered(checker, now);
		for (uint32_t i = 0; i < checker->n; i++) {
			struct checked *one = &checker->of[i];
			if (one->fd >= 0 && fds[2 + i].fd == one->fd && fds[2 + i].revents)
				port_answered(checker, one, now);
			const uint64_t due = turn(checker, one, now);

			next = due < next ? due : next;
			fds[2 + i] = (struct pollfd){.fd = one->fd, .events = checker->tcp_port ? POLLOUT : POLLIN};
		}
		const struct timespec left = {(time_t)((next - now) / NS_PER_S), (long)((next - now) % NS_PER_S)};

		ppoll(fds, 2 + checker->n, &left, NULL);
	}
}

static bool add_checked(const char *text, void *to)
{
	struct checker *checker = to;
	struct checked *one = &checker->of[checker->n];
	union address address;

	if (checker->n == CHECKED_MAX || !parse_address(text, &address) || address.any.sa_family != AF_INET)
		return false;
	*one = (struct checked){.text = text, .address = address.v4, .fd = -1, .up = true};
	checker->n++;
	return true;
}

int command_check(const struct command *command, int argc, char **argv)
{
	static struct checker checker = {.rise = 2, .fall = 3, .interval_ns = 100 * NS_PER_MS};
	const struct option_spec specs[] = {
		{"address", 0, "IPV4", "who is to answer (repeatable)", .parse = add_checked, .to = &checker},
		{"interval", 0, "TIME", "time between two checks (100ms)", .parse = parse_duration,
		 .to = &checker.interval_ns},
		{"timeout", 0, "TIME", "an answer after that does not count (the interval)",
		 .parse = parse_duration, .to = &checker.timeout_ns},
		{"tcp", 0, "PORT", "ask by connections to that port, instead of ICMP", .parse = parse_port,
		 .to = &checker.tcp_port},
		{"udp", 0, "PORT", "ask by datagrams to that port", .parse = parse_port, .to = &checker.udp_port},
		{"fall", 0, "N", "so many without an answer in a row: down (3)", .number = &checker.fall,
		 .min = 1, .max = 100},
		{"rise", 0, "N", "so many answers in a row: up (2)", .number = &checker.rise, .min = 1,
		 .max = 100},
	};

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	if (checker.n == 0)
		fail(EXIT_USAGE, "--address is missing. Try 'traffic check --help'.");
	if (checker.timeout_ns == 0)
		checker.timeout_ns = checker.interval_ns;
	if (checker.timeout_ns > checker.interval_ns || checker.interval_ns == 0)
		fail(EXIT_USAGE, "--timeout must not be longer than --interval.");
	if (checker.tcp_port && checker.udp_port)
		fail(EXIT_USAGE, "--tcp and --udp are two ways to ask. Give one of them.");
	const bool icmp = !checker.tcp_port && !checker.udp_port;
	checker.id = htons((uint16_t)getpid());
	checker.fd = icmp ? socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP) : -1;
	if (icmp && checker.fd < 0)
		fail(EXIT_ENVIRONMENT, "Cannot send ICMP: %s.", strerror(errno));
	report(NULL, "ready", clock_ns());
	run(&checker);
	return EXIT_OK;
}
