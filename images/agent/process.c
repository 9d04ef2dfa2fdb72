// SPDX-License-Identifier: Apache-2.0
#include "process.h"
#include "builtin.h"
#include "namespaces.h"
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* As much as the kernel lets a pipe hold (fs.pipe-max-size): what a process wrote before its end fits in. */
#define DRAIN_MAX (1u << 20)

static struct process *processes;

struct process *process_find(uint32_t id)
{
	for (struct process *p = processes; p; p = p->next)
		if (p->id == id)
			return p;
	return NULL;
}

/* In the child, after fork: never returns. */
static void child_run(const struct request *r, int in, int out, int err)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	if (r->head.flags & SPAWN_TTY)
		ioctl(in, TIOCSCTTY, 0);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	if (machine_enter(r->machine) < 0) {
		dprintf(2, "Cannot enter machine '%s': %s.\n", r->machine, strerror(errno));
		_exit(126);
	}
	if (*r->cwd && chdir(r->cwd) < 0) {
		dprintf(2, "Cannot change to '%s': %s.\n", r->cwd, strerror(errno));
		_exit(126);
	}
	for (char **e = r->env; *e; e++)
		putenv(*e);
	if (r->argv[0][0] == '@') {
		close_range(3, ~0u, 0); /* no exec closes them here, and one is the other end of our stdin */
		_exit(builtin_run(r->argv));
	}
	execvp(r->argv[0], r->argv);
	dprintf(2, "Cannot run '%s': %s.\n", r->argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Opens the three streams: ours[i] for the agent, theirs[i] for the process. */
static int streams_open(const struct request *r, int ours[3], int theirs[3])
{
	struct winsize size = {.ws_row = r->head.rows, .ws_col = r->head.columns};

	if (r->head.flags & SPAWN_TTY) {
		char name[64];
		int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

		if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
		    ptsname_r(master, name, sizeof(name)))
			return -1;
		theirs[0] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (theirs[0] < 0 || ioctl(master, TIOCSWINSZ, &size) < 0)
			return -1;
		theirs[1] = theirs[2] = theirs[0];
		ours[0] = ours[1] = master;
		ours[2] = -1;
		return 0;
	}
	for (int i = 0; i < 3; i++) {
		int pair[2];

		if (pipe2(pair, O_CLOEXEC) < 0)
			return -1;
		ours[i] = pair[i == 0];
		theirs[i] = pair[i != 0];
	}
	return 0;
}

static void streams_close(int *fd)
{
	for (int i = 0; i < 3; i++)
		if (fd[i] >= 0 && (i == 0 || fd[i] != fd[0]) && (i < 2 || fd[i] != fd[1]))
			close(fd[i]);
}

static void watch(int epoll, struct process *p, enum stream stream, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u64 = (uint64_t)p->id << 2 | stream};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, p->fd[stream], &event) < 0 && errno == EEXIST)
		epoll_ctl(epoll, EPOLL_CTL_MOD, p->fd[stream], &event);
}

static struct process *process_new(int epoll, uint32_t id, pid_t pid, const struct request *r, int ours[3])
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	*p = (struct process){.next = processes, .id = id, .pid = pid, .tty = r->head.flags & SPAWN_TTY};
	processes = p;
	for (int i = 0; i < STREAM_COUNT; i++) {
		p->fd[i] = ours[i];
		if (ours[i] >= 0)
			fcntl(ours[i], F_SETFL, fcntl(ours[i], F_GETFL) | O_NONBLOCK);
	}
	watch(epoll, p, STREAM_STDOUT, EPOLLIN);
	if (p->fd[STREAM_STDERR] >= 0)
		watch(epoll, p, STREAM_STDERR, EPOLLIN);
	return p;
}

void process_spawn(int epoll, uint32_t id, const char *payload, const char *end)
{
	struct request r = {0};
	int ours[3] = {-1, -1, -1}, theirs[3] = {-1, -1, -1};
	pid_t pid;

	if (request_parse(&r, payload, end) < 0 || process_find(id)) {
		frame_error(id, "The request to start a program is malformed.");
		goto out;
	}
	pid = streams_open(&r, ours, theirs) < 0 ? -1 : fork();
	if (pid == 0)
		child_run(&r, theirs[0], theirs[1], theirs[2]);
	streams_close(theirs);
	if (pid < 0) {
		streams_close(ours);
		frame_error(id, "Cannot start '%s': %s.", r.argv[0], strerror(errno));
		goto out;
	}
	frame_send(id, FRAME_STARTED, &(uint32_t){(uint32_t)pid}, 4);
	process_input(epoll, process_new(epoll, id, pid, &r, ours), r.input, r.input_length,
		      !(r.head.flags & (SPAWN_KEEP_STDIN | SPAWN_TTY)));
out:
	free(r.argv);
	free(r.env);
}

static void input_close(struct process *p)
{
	if (p->fd[STREAM_STDIN] >= 0 && !p->tty) {
		close(p->fd[STREAM_STDIN]);
		p->fd[STREAM_STDIN] = -1;
	}
	buffer_free(&p->input);
}

void process_input(int epoll, struct process *p, const char *data, size_t length, int close_after)
{
	struct buffer *b = &p->input;
	ssize_t n = 0;

	if (p->fd[STREAM_STDIN] < 0)
		return;
	if (length)
		buffer_append(b, data, length);
	p->close_input |= close_after;
	while (b->end > b->start &&
	       (n = write(p->fd[STREAM_STDIN], b->data + b->start, b->end - b->start)) > 0)
		buffer_consume(b, (size_t)n);
	if (n < 0 && errno == EAGAIN)
		watch(epoll, p, p->tty ? STREAM_STDOUT : STREAM_STDIN,
		      p->tty ? EPOLLIN | EPOLLOUT : EPOLLOUT);
	else if (n < 0 || p->close_input)
		input_close(p);
	else if (p->tty)
		watch(epoll, p, STREAM_STDOUT, EPOLLIN);
	else
		epoll_ctl(epoll, EPOLL_CTL_DEL, p->fd[STREAM_STDIN], NULL);
}

/* Sends what there is; closes the stream at its end. Returns how much was read. */
static ssize_t output_read(struct process *p, enum stream stream)
{
	char data[65536];
	ssize_t n = p->fd[stream] < 0 ? 0 : read(p->fd[stream], data, sizeof(data));

	if (n > 0)
		frame_send(p->id, stream == STREAM_STDOUT ? FRAME_STDOUT : FRAME_STDERR, data, (size_t)n);
	else if (p->fd[stream] >= 0 && (n == 0 || errno != EAGAIN)) {
		close(p->fd[stream]);
		if (p->tty)
			p->fd[STREAM_STDIN] = -1;
		p->fd[stream] = -1;
	}
	return n;
}

void process_event(int epoll, struct process *p, enum stream stream)
{
	if (stream == STREAM_STDIN || (p->tty && p->input.end > p->input.start))
		process_input(epoll, p, NULL, 0, 0);
	if (stream != STREAM_STDIN)
		output_read(p, stream);
}

/* The rest of what an ended process wrote. Bounded: a child that it left behind may write for ever. */
static void output_drain(struct process *p, enum stream stream)
{
	ssize_t n;

	for (size_t done = 0; done < DRAIN_MAX && (n = output_read(p, stream)) > 0; done += (size_t)n)
		;
}

void process_ended(pid_t pid, int status, const struct rusage *usage)
{
	struct process **link = &processes, *p;
	struct exit_body body = {
		.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
		.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		.user_us = (uint64_t)usage->ru_utime.tv_sec * 1000000u + (uint64_t)usage->ru_utime.tv_usec,
		.system_us = (uint64_t)usage->ru_stime.tv_sec * 1000000u + (uint64_t)usage->ru_stime.tv_usec,
	};

	while (*link && (*link)->pid != pid)
		link = &(*link)->next;
	p = *link;
	if (!p)
		return; /* an orphan that process 1 inherits */
	output_drain(p, STREAM_STDOUT);
	output_drain(p, STREAM_STDERR);
	frame_send(p->id, FRAME_EXIT, &body, sizeof(body));
	*link = p->next;
	streams_close(p->fd);
	buffer_free(&p->input);
	free(p);
}

/* To the process group, or to the process when it has just been forked and has no group of its own yet. */
void process_signal(struct process *p, int number)
{
	if (kill(-p->pid, number) < 0)
		kill(p->pid, number);
}

void process_resize(struct process *p, unsigned rows, unsigned columns)
{
	struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};

	if (p->tty && p->fd[STREAM_STDOUT] >= 0)
		ioctl(p->fd[STREAM_STDOUT], TIOCSWINSZ, &size);
}

void processes_kill(void)
{
	for (struct process *p = processes; p; p = p->next)
		process_signal(p, SIGKILL);
}
