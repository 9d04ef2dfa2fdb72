#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "commands.h"
#include "limits.h"
#include "memory.h"
#include "options.h"
#include "out.h"
#include "parse.h"

#define MAX_THREADS 64
#define EVENTS_PER_TURN 256

void name_over(const struct server *server, char *message, size_t from, size_t bytes)
{
	size_t length = server->name_bytes + 1; /* with its NUL */

	if (from < length)
		memcpy(message, server->name + from, bytes < length - from ? bytes : length - from);
}

static void watch(int epoll_fd, enum service service, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u64 = entry_pack(service, fd)};

	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd,
		  &event); /* refused for a plain file on stdout, which never closes */
}

static void worker_init(struct worker *worker, struct server *server, const struct shared_socket *sockets,
			int signal_fd)
{
	*worker = (struct worker){.server = server,
				  .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
				  .spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC),
				  .udp = udp_batch_new(),
				  .buffer = allocate(ECHO_CHUNK)};
	for (int i = 0; i < SOCKETS; i++)
		watch(worker->epoll_fd, sockets[i].service, sockets[i].fd, EPOLLIN | EPOLLEXCLUSIVE);
	watch(worker->epoll_fd, SERVICE_SIGNAL, signal_fd, EPOLLIN);
	watch(worker->epoll_fd, SERVICE_OUTPUT, STDOUT_FILENO, 0); /* errors are always reported */
}

/* False: time to stop. The signal is never read from its descriptor, so every worker sees it. */
static bool dispatch(struct worker *worker, const struct epoll_event *event)
{
	enum service service = (enum service)(event->data.u64 >> 32);
	int fd = (int)(uint32_t)event->data.u64;

	switch (service) {
	case SERVICE_SIGNAL:
		return false;
	case SERVICE_OUTPUT:
		_exit(1); /* nobody is left to report to */
	case SERVICE_NAME_TCP:
	case SERVICE_ECHO_TCP:
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

static void *worker_run(void *argument)
{
	struct epoll_event events[EVENTS_PER_TURN];
	struct worker *worker = argument;

	for (bool running = true; running;) {
		int count = epoll_wait(worker->epoll_fd, events, EVENTS_PER_TURN, -1);

		for (int i = 0; i < count; i++)
			running &= dispatch(worker, &events[i]);
	}
	return NULL;
}

static void report_listening(const struct server *server, const struct serve_options *options)
{
	char text[INET6_ADDRSTRLEN];

	text_add(&out, "{\"event\":\"listening\",\"t\":%llu,\"name\":", (unsigned long long)now_ns());
	text_add_json(&out, server->name);
	text_add(&out,
		 ",\"address\":\"%s\",\"connectPort\":%u,\"streamPort\":%u,\"udpPort\":%u,\"echoPort\":%u}\n",
		 address_text(&options->address, text), options->connect_port, options->stream_port,
		 options->udp_port, options->echo_port);
	out_drain();
}

static void report_served(const struct worker *workers, uint32_t threads)
{
	struct counts sum = {0};
	uint64_t user, system;

	for (uint32_t i = 0; i < threads; i++) {
		sum.accepted += workers[i].counts.accepted;
		sum.closed += workers[i].counts.closed;
		sum.messages += workers[i].counts.messages;
		sum.bytes += workers[i].counts.bytes;
	}
	cpu_used_us(&user, &system);
	text_add(&out,
		 "{\"event\":\"served\",\"t\":%llu,\"accepted\":%llu,\"messages\":%llu,\"bytes\":%llu,"
		 "\"open\":%llu,"
		 "\"userUs\":%llu,\"systemUs\":%llu}\n",
		 (unsigned long long)now_ns(), (unsigned long long)sum.accepted,
		 (unsigned long long)sum.messages, (unsigned long long)sum.bytes,
		 (unsigned long long)(sum.accepted - sum.closed), (unsigned long long)user,
		 (unsigned long long)system);
	out_drain();
}

static bool server_init(struct server *server, const char *name)
{
	/* Address space for every descriptor there can be; memory only for those that are used. */
	size_t bytes = raise_open_files() * sizeof(struct peer);

	if (name)
		snprintf(server->name, sizeof(server->name), "%s", name);
	else if (gethostname(server->name, sizeof(server->name) - 1))
		snprintf(server->name, sizeof(server->name), "localhost");
	server->name_bytes = strlen(server->name);
	server->peers =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (server->peers == MAP_FAILED)
		fprintf(stderr, "Cannot reserve %zu bytes for connections: %s.\n", bytes, strerror(errno));
	return server->peers != MAP_FAILED;
}

static int serve(struct serve_options *options)
{
	struct worker workers[MAX_THREADS];
	struct shared_socket sockets[SOCKETS];
	pthread_t threads[MAX_THREADS];
	struct server server = {0};
	sigset_t signals;
	int error = 0;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	out_init();
	int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (signal_fd < 0 || !server_init(&server, options->name) || !serve_sockets(options, sockets))
		return EXIT_ENVIRONMENT;
	for (uint32_t i = 0; i < options->threads; i++)
		worker_init(&workers[i], &server, sockets, signal_fd);
	report_listening(&server, options);
	uint32_t started = 1;
	for (; started < options->threads && !error; started++)
		error = pthread_create(&threads[started], NULL, worker_run, &workers[started]);
	if (error)
		fprintf(stderr, "Cannot start thread %u: %s. Fewer are running.\n", --started,
			strerror(error));
	worker_run(&workers[0]);
	for (uint32_t i = 1; i < started; i++)
		pthread_join(threads[i], NULL);
	report_served(workers, started);
	return 0;
}

int serve_main(char **arguments)
{
	struct serve_options options = {.address.v6.sin6_family = AF_INET6,
					.connect_port = 5001,
					.stream_port = 5003,
					.udp_port = 6003,
					.echo_port = 6001,
					.threads = 1};
	const struct option_spec table[] = {
		{"name", parse_string, &options.name, "NAME", "name to answer with (the host name)"},
		{"address", parse_address, &options.address, "ADDRESS",
		 "address to listen on (::, both families)"},
		{"connect-port", parse_port, &options.connect_port, "PORT",
		 "TCP and UDP: tell the name (5001)"},
		{"stream-port", parse_port, &options.stream_port, "PORT", "TCP: echo with the name (5003)"},
		{"udp-port", parse_port, &options.udp_port, "PORT", "UDP: echo with the name (6003)"},
		{"echo-port", parse_port, &options.echo_port, "PORT", "UDP: the same, for fragments (6001)"},
		{"threads", parse_u32, &options.threads, "COUNT", "worker threads (1)"},
		{0},
	};
	const struct command_spec command = {"serve", "Answers TCP and UDP with its own name, and echoes.",
					     "traffic serve --name vm-001 --address 10.0.0.0", table};
	int exit_code;

	if (!options_read(&command, arguments, &exit_code))
		return exit_code;
	if (!options.threads || options.threads > MAX_THREADS)
		return usage_error("Bad value %u for --threads: expected 1 to %d.", options.threads,
				   MAX_THREADS);
	if (options.name && strlen(options.name) > 63)
		return usage_error("Bad value '%s' for --name: at most 63 characters.", options.name);
	return serve(&options);
}
