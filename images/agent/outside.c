// SPDX-License-Identifier: Apache-2.0
#include "box.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 1000
/* Less CPU time is none. */
#define STIR_S 0.1

struct head {
	uint32_t length;
	int64_t time;
} __attribute__((packed));

static struct box *box;
static int channel;
static pid_t qemu;
/* For one turn, which is 60 s of the guest's time at most: of CPU time, and of real time without any. */
static double limit_s;

static int end(int code)
{
	int status;

	kill(qemu, SIGKILL);
	waitpid(qemu, &status, 0);
	return code;
}

static double seconds(clockid_t clock)
{
	struct timespec t = {0};

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_s(void)
{
	clockid_t clock;

	return clock_getcpuclockid(qemu, &clock) == 0 ? seconds(clock) : 0;
}

struct pace {
	double begin, stirred, since;
};

/* 0: it may go on. Else its exit code. */
static int pace_check(struct pace *p)
{
	double cpu = cpu_s(), now = seconds(CLOCK_MONOTONIC);

	if (cpu - p->begin > limit_s)
		return EXIT_ENDLESS;
	if (cpu - p->stirred > STIR_S) {
		p->stirred = cpu;
		p->since = now;
	}
	return now - p->since > limit_s ? EXIT_STILL : 0;
}

/* 0: the guest stands still. Else how this ends: the harness is gone, QEMU is, or the guest comes to no end or stands still. */
static int frozen_wait(int *code)
{
	double cpu = cpu_s();
	struct pace pace = {cpu, cpu, seconds(CLOCK_MONOTONIC)};

	for (;;) {
		struct pollfd p[2] = {{.fd = channel, .events = POLLIN},
				      {.fd = STDIN_FILENO, .events = POLLIN}};
		int status, late, n = poll(p, 2, LOOK_MS);

		if (n < 0 && errno != EINTR)
			return *code = end(1), -1;
		/* The end of QEMU can be read, too. */
		if (n > 0 && p[0].revents == POLLIN)
			return 0;
		if (n > 0 && p[0].revents) {
			waitpid(qemu, &status, 0);
			return *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), -1;
		}
		if (n > 0 && p[1].revents)
			return *code = end(0), -1;
		if ((late = pace_check(&pace)))
			return *code = end(late), -1;
	}
}

/* Lets the guest go on. */
static int release(void)
{
	char bytes[BOX_FREEZE];
	size_t done = 0;

	__sync_synchronize();
	while (done < BOX_FREEZE) {
		ssize_t n = read(channel, bytes, BOX_FREEZE - done);

		if (n <= 0 && !(n < 0 && errno == EINTR))
			return -1;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int read_all(void *to, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t n = read(STDIN_FILENO, (char *)to + done, length - done);

		if (n <= 0 && !(n < 0 && errno == EINTR))
			return -1;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int write_all(const void *from, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t n = write(STDOUT_FILENO, (const char *)from + done, length - done);

		if (n < 0 && errno != EINTR)
			return -1;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static void input_put(struct buffer *in)
{
	size_t left = in->end - in->start, n = left < BOX_PART ? left : BOX_PART;

	memcpy(box->in, in->data ? in->data + in->start : "", n);
	box->in_length = (uint32_t)n;
	box->in_more = n < left;
	buffer_consume(in, n);
}

/* What the guest has to say goes to the harness, and the harness' answer comes. -1: it is gone. */
static int harness_ask(struct buffer *out, struct buffer *in)
{
	struct head head = {.length = (uint32_t)(out->end - out->start), .time = box->now};
	char *data;

	if (write_all(&head, sizeof(head)) < 0 || write_all(out->data ? out->data + out->start : "", head.length) < 0)
		return -1;
	buffer_consume(out, head.length);
	if (read_all(&head, sizeof(head)) < 0 || head.length > FRAME_MAX || !(data = malloc(head.length + 1)))
		return -1;
	if (read_all(data, head.length) < 0)
		return -1;
	buffer_append(in, data, head.length);
	free(data);
	box->until = head.time;
	return 0;
}

static int turns_hand_on(void)
{
	struct buffer out = {0}, in = {0};
	int code = 0;

	for (;;) {
		if (frozen_wait(&code) < 0)
			return code;
		if (box->out_length <= BOX_PART)
			buffer_append(&out, box->out, box->out_length);
		if (!box->out_more && in.end == in.start && harness_ask(&out, &in) < 0)
			return end(0);
		input_put(&in);
		if (release() < 0)
			return end(1);
	}
}

static int fail(const char *what)
{
	fprintf(stderr, "Cannot %s: %s.\n", what, strerror(errno));
	return 1;
}

int outside(char *argv[])
{
	int memory = memfd_create("box", 0), pair[2], nothing = open("/dev/null", O_RDWR);
	char **words = argv + 1;

	limit_s = atof(argv[0]);
	if (limit_s <= 0)
		return errno = EINVAL, fail("limit a guest's turn");
	if (memory < 0 || nothing < 0 || ftruncate(memory, BOX_SIZE) < 0)
		return fail("make the guest's box");
	box = mmap(NULL, BOX_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (box == MAP_FAILED || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return fail("make the guest's box");
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &(int){1}, sizeof(int));
	channel = pair[0];
	qemu = fork();
	if (qemu == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (dup2(memory, BOX_FD) < 0 || dup2(pair[1], FREEZE_FD) < 0 || dup2(nothing, STDIN_FILENO) < 0 ||
		    dup2(nothing, STDOUT_FILENO) < 0)
			_exit(fail("start QEMU"));
		close(memory);
		execvp(words[0], words);
		_exit(fail("start QEMU"));
	}
	if (qemu < 0)
		return fail("start QEMU");
	close(pair[1]);
	close(3);
	signal(SIGPIPE, SIG_IGN);
	return turns_hand_on();
}
