// SPDX-License-Identifier: Apache-2.0
#include "out.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20)

struct text out;
static size_t written;

void out_init(void)
{
	signal(SIGPIPE, SIG_IGN);
	fcntl(STDOUT_FILENO, F_SETPIPE_SZ,
	      PIPE_BYTES); /* fails if it is no pipe, or above the user's limit: fine */
}

int out_pending(void)
{
	return written < out.length;
}

/*
 * O_NONBLOCK would belong to the reader's end of a shared terminal too. Instead poll: a writable pipe has
 * room for PIPE_BUF bytes at least, and a write of that many does not block then.
 */
static void write_out(int timeout_ms)
{
	struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};

	while (out_pending()) {
		size_t bytes = out.length - written;

		if (poll(&ready, 1, timeout_ms) <= 0) {
			if (timeout_ms < 0)
				continue; /* interrupted by a signal */
			break;
		}
		if (ready.revents & (POLLERR | POLLNVAL))
			_exit(1);
		ssize_t count = write(STDOUT_FILENO, out.data + written, bytes < PIPE_BUF ? bytes : PIPE_BUF);
		if (count < 0 && errno != EINTR && errno != EAGAIN)
			_exit(1);
		if (count > 0)
			written += (size_t)count;
	}
	if (!out_pending())
		out.length = written = 0;
}

void out_flush(void)
{
	write_out(0);
	if (written > out.capacity / 2) { /* drop what has been written */
		out.length -= written;
		memmove(out.data, out.data + written, out.length);
		written = 0;
	}
}

void out_drain(void)
{
	write_out(-1);
}
