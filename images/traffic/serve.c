// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "limits.h"
#include "util/memory.h"
#include "out.h"
#include "parse.h"
#include "serve_report.h"
#include "serve_sockets.h"
#include "serve_tcp.h"
#include "serve_udp.h"

#define EVENTS_PER_TURN 256

static void watch(int epoll_fd, enum service service, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u64 = entry_pack(service, fd)};

	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd,
		  &event); /* refused for a plain file on stdout, which never closes */
}

static int timer_open(uint64_t ns)
{
	const struct timespec each = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
	const struct itimerspec times = {each, each};
	const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	timerfd_settime(fd, 0, &times, NULL);
	return fd;
}

static void worker_init(struct worker *worker, struct server *server, const struct shared_socket *sockets,
			const sigset_t *signals)
{
	*worker = (struct worker){.server = server,
				  .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
				  .spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC),
				  .udp = udp_batch_new(),
				  .buffer = allocate(ECHO_CHUNK)};
	for (int i = 0; i < SOCKETS; i++)
		watch(worker->epoll_fd, sockets[i].service, sockets[i].fd, EPOLLIN | EPOLLEXCLUSIVE);
	watch(worker->epoll_fd, SERVICE_SIGNAL, signalfd(-1, signals, SFD_CLOEXEC), EPOLLIN);
	if (server->heartbeat_ns)
		watch(worker->epoll_fd, SERVICE_HEARTBEAT, timer_open(server->heartbeat_ns), EPOLLIN);
	watch(worker->epoll_fd, SERVICE_OUTPUT, STDOUT_FILENO, 0); /* errors are always reported */
}

/* False: time to stop. */
static bool dispatch(struct worker *worker, const struct epoll_event *event)
{
	enum service service = (enum service)(event->data.u64 >> 32);
	int fd = (int)(uint32_t)event->data.u64;

	switch (service) {
	case SERVICE_SIGNAL:
		return false;
	case SERVICE_OUTPUT:
		_exit(1); /* nobody is left to report to */
	case SERVICE_HEARTBEAT:
		report_heartbeat(worker, fd);
		break;
	case SERVICE_NAME_TCP:
	case SERVICE_ECHO_TCP:
	case SERVICE_NAME_SCTP:
	case SERVICE_ECHO_SCTP:
		tcp_accept(worker, service, fd);
		break;
	case SERVICE_NAME_UDP:
	case SERVICE_ECHO_UDP:
		udp_ready(worker, service, fd);
		break;
	case SERVICE_NAME_PEER:
	case SERVICE_ECHO_PEER:
		tcp_peer_ready(worker, service, fd, event->events);
		break;
	}
	return true;
}

static void worker_run(struct worker *worker)
{
	struct epoll_event events[EVENTS_PER_TURN];

	for (bool running = true; running;) {
		int count = epoll_wait(worker->epoll_fd, events, EVENTS_PER_TURN, -1);

		for (int i = 0; i < count; i++)
			running &= dispatch(worker, &events[i]);
	}
}

static void *map(size_t bytes, int flags)
{
	void *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		fprintf(stderr, "Cannot reserve %zu bytes for connections: %s.\n", bytes, strerror(errno));
	return memory == MAP_FAILED ? NULL : memory;
}

static bool server_init(struct server *server, const struct serve_options *options)
{
	const char *name = options->name;

	server->heartbeat_ns = options->heartbeat_ns;
	if (name)
		snprintf(server->name, sizeof(server->name), "%s", name);
	else if (gethostname(server->name, sizeof(server->name) - 1))
		snprintf(server->name, sizeof(server->name), "localhost");
	server->name_bytes = strlen(server->name);
	integrity_init();
	/* Address space for every descriptor there can be; memory only for those that are used. Each process
	 * has a copy of its own. */
	server->peers = map(raise_open_files() * sizeof(struct peer), MAP_PRIVATE);
	return server->peers;
}

/* Serves with the sockets of this process until told to stop; those of the others go to them alone. */
static void process_run(struct server *server, struct shared_socket (*sockets)[SOCKETS], uint32_t processes,
			uint32_t own, const sigset_t *signals, struct counts *counts)
{
	struct worker worker;

	for (uint32_t i = 0; i < processes; i++)
		for (int k = 0; i != own && k < SOCKETS; k++)
			if (sockets[i][k].fd != sockets[own][k].fd)
				close(sockets[i][k].fd);
	worker_init(&worker, server, sockets[own], signals);
	worker.process = own;
	worker_run(&worker);
	counts[own] = worker.counts;
}

/* 0 or an exit code. */
static int stop_processes(const pid_t *pids, uint32_t from, uint32_t processes)
{
	int exit_code = 0;

	for (uint32_t i = from; i < processes; i++)
		kill(pids[i], SIGTERM);
	for (uint32_t i = from; i < processes; i++) {
		int status = 0;

		if (waitpid(pids[i], &status, 0) == pids[i] && !status)
			continue;
		fprintf(stderr, "Process %u of %u broke: its connections are not counted.\n", i + 1,
			processes);
		exit_code = EXIT_ENVIRONMENT;
	}
	return exit_code;
}

static int serve(struct serve_options *options)
{
	static struct shared_socket sockets[MAX_PROCESSES][SOCKETS];
	static pid_t pids[MAX_PROCESSES];
	struct server server = {0};
	pid_t first = getpid();
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	out_init();
	struct counts *counts = map(options->processes * sizeof(*counts), MAP_SHARED);
	if (!counts || !server_init(&server, options) || !serve_sockets(options, sockets))
		return EXIT_ENVIRONMENT;
	for (uint32_t i = 1; i < options->processes; i++) {
		pids[i] = fork();
		if (pids[i] < 0) {
			fprintf(stderr, "Cannot start process %u of %u: %s.\n", i + 1, options->processes,
				strerror(errno));
			stop_processes(pids, 1, i);
			return EXIT_ENVIRONMENT;
		}
		if (pids[i])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != first)
			_exit(EXIT_ENVIRONMENT);
		process_run(&server, sockets, options->processes, i, &signals, counts);
		_exit(0);
	}
	report_listening(&server, options);
	process_run(&server, sockets, options->processes, 0, &signals, counts);
	int exit_code = stop_processes(pids, 1, options->processes);
	report_served(counts, options->processes);
	return exit_code;
}

/* "10.0.0.0", or "10.0.0.0,10.0.0.1" for one service with both. */
static bool add_sctp(const char *text, void *to)
{
	struct serve_options *options = to;
	struct sctp_addresses *own = &options->sctp[options->sctp_n];
	char *copy = strdup(text), *rest = copy;
	bool good = copy && options->sctp_n < MAX_SCTP;

	for (char *word; good && (word = strsep(&rest, ","));)
		good = own->n < COUNT_OF(own->list) && parse_address(word, &own->list[own->n++]) &&
		       own->list[own->n - 1].any.sa_family == own->list[0].any.sa_family;
	options->sctp_n++;
	free(copy);
	return good;
}

/* A port, or 0 for none. */
static bool parse_service(const char *text, void *to)
{
	*(uint16_t *)to = 0;
	return !strcmp(text, "0") || parse_port(text, to);
}

int command_serve(const struct command *command, int argc, char **argv)
{
	struct serve_options options = {.address.v6.sin6_family = AF_INET6,
					.connect_port = 5001,
					.stream_port = 5003,
					.udp_port = 6003,
					.echo_port = 6001,
					.processes = 1};
	const struct option_spec specs[] = {
		{"name", 0, "NAME", "name to answer with (the host name)", .parse = parse_string,
		 .to = &options.name},
		{"address", 0, "ADDRESS", "address to listen on (::, both families)", .parse = parse_address,
		 .to = &options.address},
		{"connect-port", 0, "PORT", "TCP and UDP: answer with the name; 0: none (5001)", .parse = parse_service,
		 .to = &options.connect_port},
		{"stream-port", 0, "PORT", "TCP: echo with the name; 0: none (5003)", .parse = parse_service,
		 .to = &options.stream_port},
		{"udp-port", 0, "PORT", "UDP: echo with the name; 0: none (6003)", .parse = parse_service,
		 .to = &options.udp_port},
		{"echo-port", 0, "PORT", "UDP: the same, for fragments; 0: none (6001)", .parse = parse_service,
		 .to = &options.echo_port},
		{"sctp", 0, "ADDRESS[,ADDRESS]",
		 "serve SCTP at this address, or at both, at the ports of TCP (repeatable; none)", .parse = add_sctp,
		 .to = &options},
		{"heartbeat", 0, "TIME", "interval of a sign of life of each process; 0: none (0)",
		 .parse = parse_duration, .to = &options.heartbeat_ns},
		{"processes", 0, "COUNT", "number of processes that share the connections (1)",
		 .parse = parse_u32, .to = &options.processes},
	};
	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	if (!options.processes || options.processes > MAX_PROCESSES)
		fail(EXIT_USAGE, "Invalid value '%u' for --processes: expected 1 to %d.", options.processes,
		     MAX_PROCESSES);
	if (options.name && strlen(options.name) > 63)
		fail(EXIT_USAGE, "Invalid value '%s' for --name: at most 63 characters.", options.name);
	return serve(&options);
}
