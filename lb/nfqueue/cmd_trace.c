// SPDX-License-Identifier: Apache-2.0
/* `nfqueue-lb trace`: packets of the trace flows, as they are balanced. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "commands.h"
#include "control/address.h"
#include "flows.h"
#include "store.h"
#include "trace.h"
#include "util/signals.h"

#define LINE_MAX_BYTES 4096

static int attach(const char *shm)
{
	char flows[256];
	struct sockaddr_un address;
	const socklen_t size = control_address(shm, TRACE_SUFFIX, &address);
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	/* What cannot be opened must not end the balancer. */
	snprintf(flows, sizeof(flows), "%s" TRACE_SUFFIX, shm);
	flows_open(flows);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, size))
		fail(EXIT_ERROR, "No balancer runs on the table '%s' in this network namespace. Start one with 'nfqueue-lb run'.",
		     shm);
	return fd;
}

int command_trace(const struct command *command, int argc, char **argv)
{
	const char *shm = STORE_DEFAULT_NAME;
	uint32_t most = 0, n = 0;
	const struct option_spec specs[] = {
		OPTION_SHM(&shm),
		{"count", 'n', "N", "end after so many packets (at SIGINT)", .number = &most, .max = UINT32_MAX}};
	char line[LINE_MAX_BYTES];

	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	struct pollfd events[] = {{.fd = signals_open(), .events = POLLIN}, {.fd = attach(shm), .events = POLLIN}};

	while (!most || n < most) {
		if (poll(events, 2, -1) < 0 && errno != EINTR)
			fail(EXIT_ERROR, "Cannot wait for packets: %s.", strerror(errno));
		if (events[0].revents)
			return EXIT_OK;
		if (!events[1].revents)
			continue;
		const ssize_t size = recv(events[1].fd, line, sizeof(line), 0);

		if (size <= 0)
			fail(EXIT_ERROR, n ? "The balancer has ended." : "The balancer has ended, or is traced by somebody else.");
		fwrite(line, 1, (size_t)size, stdout);
		fflush(stdout);
		n++;
	}
	return EXIT_OK;
}
