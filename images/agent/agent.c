// SPDX-License-Identifier: Apache-2.0
/* The agent: first process of the sandbox, of a container or of a guest. It starts programs in machines for
 * the harness, and when its stdin ends everything under it ends: as process 1 of a pid namespace by the
 * kernel's hand, else by ours.
 *
 *   agent sandbox [--rootless]   in new namespaces
 *   agent                        where it stands
 *   agent guest PORT             as process 1 of a virtual machine, at its virtio-serial port
 *   agent guest box              the same in virtual time (box.h)
 *   agent outside SECONDS QEMU.. on the host: such a machine, and the host's end of its box
 */
#include "box.h"
#include "frame.h"
#include "guest.h"
#include "namespaces.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef AGENT_VERSION
#define AGENT_VERSION "0"
#endif

/* Ids of processes are 32 bits shifted by 2: these cannot collide. */
enum { TOKEN_STDIN = 1ull << 40, TOKEN_CHILD, TOKEN_DUE };

static void machines_make(uint32_t id, const char *at, const char *end)
{
	const char *name;

	while ((name = string_next(&at, end))) {
		if (machine_make(name) < 0) {
			frame_error(id, "Cannot make machine '%s': %s.", name, strerror(errno));
			return;
		}
	}
	frame_send(id, FRAME_DONE, NULL, 0);
}

/* Whether frames come straight from the harness, or in a batch, which cannot hold another one. */
enum level { LEVEL_TOP, LEVEL_BATCH };

static void frames_handle(int epoll, const char **at, const char *end, enum level level);

static void frame_handle(int epoll, const struct frame_head *head, const char *payload, enum level level)
{
	const char *end = payload + head->length;
	struct process *p = process_find(head->id);

	switch ((enum frame_type)head->type) {
	case FRAME_MACHINE:
		machines_make(head->id, payload, end);
		return;
	case FRAME_SPAWN:
		process_spawn(epoll, head->id, payload, end);
		return;
	case FRAME_BATCH:
		if (level == LEVEL_BATCH)
			frame_error(head->id, "A batch cannot hold another batch.");
		else
			frames_handle(epoll, &payload, end, LEVEL_BATCH);
		return;
	case FRAME_CLOCK:
		clock_handle(head->id, payload, head->length);
		return;
	case FRAME_STDIN:
	case FRAME_CLOSE:
		if (p)
			process_input(epoll, p, payload, head->length, head->type == FRAME_CLOSE);
		return;
	case FRAME_SIGNAL:
		if (p && head->length == 4)
			process_signal(p, *(const unsigned char *)payload);
		return;
	case FRAME_RESIZE:
		if (p && head->length == 4) {
			uint16_t size[2];

			memcpy(size, payload, 4);
			process_resize(p, size[0], size[1]);
		}
		return;
	default:
		frame_error(head->id, "The agent does not know frame type %u.", head->type);
	}
}

static void frames_handle(int epoll, const char **at, const char *end, enum level level)
{
	struct frame_head head;
	const char *payload;
	int rc;

	while ((rc = frame_next(at, end, &head, &payload)) > 0)
		frame_handle(epoll, &head, payload, level);
	if (rc < 0) {
		fprintf(stderr, "Cannot go on: the harness sent something that is no frame.\n");
		exit(1);
	}
}

static void commands_handle(int epoll, struct buffer *b)
{
	const char *at = b->data + b->start;

	frames_handle(epoll, &at, b->data + b->end, LEVEL_TOP);
	buffer_consume(b, (size_t)(at - (b->data + b->start)));
}

/* Returns 0 when the harness is gone. */
static int commands_read(int epoll, struct buffer *b)
{
	char data[1 << 17];
	ssize_t n = read(STDIN_FILENO, data, sizeof(data));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 1;
	if (n <= 0)
		return 0;
	buffer_append(b, data, (size_t)n);
	commands_handle(epoll, b);
	return 1;
}

static void children_reap(int signal_fd)
{
	struct signalfd_siginfo info;
	struct rusage usage;
	int status;
	pid_t pid;

	while (read(signal_fd, &info, sizeof(info)) > 0)
		;
	while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0)
		process_ended(pid, status, &usage);
}

static int watch(int epoll, int fd, uint64_t token)
{
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd,
			 &(struct epoll_event){.events = EPOLLIN, .data.u64 = token});
}

static void event_handle(int epoll, int signal_fd, uint64_t token)
{
	struct process *p;

	if (token == TOKEN_CHILD)
		children_reap(signal_fd);
	else if ((p = process_find((uint32_t)(token >> 2))))
		process_event(epoll, p, token & 3);
}

static int loop(int epoll, int signal_fd)
{
	struct epoll_event events[64];
	struct buffer commands = {0};

	for (;;) {
		int n = epoll_wait(epoll, events, 64, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.u64 != TOKEN_STDIN)
				event_handle(epoll, signal_fd, events[i].data.u64);
			else if (!commands_read(epoll, &commands))
				return 0;
		}
	}
}

/* In virtual time: once nothing is left to be done at this moment, and there is something to tell or the time has
 * come, the host has its turn. */
static void loop_in_turns(int epoll, int signal_fd)
{
	struct epoll_event events[64];
	struct buffer commands = {0};
	int due = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	bool turn = true;

	watch(epoll, due, TOKEN_DUE);
	for (;;) {
		int n = epoll_wait(epoll, events, 64, turn ? 0 : -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.u64 == TOKEN_DUE)
				turn = read(due, &(uint64_t){0}, 8) == 8 || turn;
			else
				event_handle(epoll, signal_fd, events[i].data.u64);
		}
		turn = turn || frames_kept()->end > frames_kept()->start;
		if (n <= 0 && turn) {
			int64_t until = box_turn(&commands);
			struct itimerspec at = {
				.it_value = {until / 1000000000, until % 1000000000},
			};

			timerfd_settime(due, TFD_TIMER_ABSTIME, &at, NULL);
			commands_handle(epoll, &commands);
			turn = false;
		}
	}
}

static void limits_raise(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* Ordinary users have no sbin in their PATH, and that is where ip, nft and iptables are. */
static void path_extend(void)
{
	const char *path = getenv("PATH");
	char all[8192];

	snprintf(all, sizeof(all), "%s:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin",
		 path ? path : "/usr/local/bin");
	setenv("PATH", all, 1);
}

int main(int argc, char *argv[])
{
	bool sandbox = argc > 1 && !strcmp(argv[1], "sandbox");
	bool guest = argc > 2 && !strcmp(argv[1], "guest");
	bool in_turns = guest && !strcmp(argv[2], GUEST_BOX);
	bool rootless = geteuid() != 0 || (argc > 2 && !strcmp(argv[2], "--rootless"));
	char hello[128];
	sigset_t mask;
	int epoll, signal_fd;

	if (argc > 3 && !strcmp(argv[1], "outside"))
		return outside(argv + 2);
	if (argc > 1 && !sandbox && !guest) {
		fprintf(stderr, "usage: agent [sandbox [--rootless] | guest PORT | outside SECONDS QEMU..]\n");
		return 2;
	}
	limits_raise();
	path_extend();
	if (sandbox)
		sandbox_enter(rootless);
	if (guest)
		guest_enter(argv[2]);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	signal_fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	fcntl(STDIN_FILENO, F_SETFD, FD_CLOEXEC);
	if (epoll < 0 || signal_fd < 0 || (!in_turns && watch(epoll, STDIN_FILENO, TOKEN_STDIN) < 0) ||
	    watch(epoll, signal_fd, TOKEN_CHILD) < 0) {
		fprintf(stderr, "Cannot start the agent: %s.\n", strerror(errno));
		return 1;
	}
	snprintf(hello, sizeof(hello), "{\"version\":\"%s\",\"pid\":%d,\"rootless\":%s}", AGENT_VERSION,
		 (int)getpid(), rootless && sandbox ? "true" : "false");
	frame_send(0, FRAME_HELLO, hello, strlen(hello));
	if (in_turns)
		loop_in_turns(epoll, signal_fd);
	else
		loop(epoll, signal_fd);
	processes_kill();
	if (guest)
		guest_leave();
	return 0;
}
