// SPDX-License-Identifier: Apache-2.0
#include "util/signals.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

int signals_open(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

bool signals_wait(int signals, int fd)
{
	struct pollfd files[] = {{.fd = signals, .events = POLLIN}, {.fd = fd, .events = POLLIN}};

	poll(files, 2, -1);
	return files[0].revents == 0;
}
