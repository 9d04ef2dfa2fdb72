// SPDX-License-Identifier: Apache-2.0
#include "sctp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/sctp.h>

#include "cli/options.h"
#include "commands.h"

void sctp_tune(int fd, uint64_t heartbeat_ns)
{
	struct sctp_paddrparams path = {.spp_hbinterval = (uint32_t)(heartbeat_ns / NS_PER_MS),
					.spp_flags = SPP_HB_ENABLE};
	int on = 1;

	setsockopt(fd, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof(on));
	if (heartbeat_ns)
		setsockopt(fd, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof(path));
}

int sctp_bind_more(int fd, const union address *address)
{
	return setsockopt(fd, IPPROTO_SCTP, SCTP_SOCKOPT_BINDX_ADD, address, address_length(address)) ? errno
												      : 0;
}

uint32_t sctp_resent(int fd)
{
	struct sctp_assoc_stats stats = {0};
	socklen_t length = sizeof(stats);

	if (fd < 0 || getsockopt(fd, IPPROTO_SCTP, SCTP_GET_ASSOC_STATS, &stats, &length))
		return 0;
	return (uint32_t)stats.sas_rtxchunks;
}

void sctp_abort(int fd)
{
	const struct linger none = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}

/* To open a socket has the kernel load its module, so this is how to ask, and how to have what sysctl sets of it. */
int command_sctp(const struct command *command, int argc, char **argv)
{
	parse_options(command, argc, argv, NULL, 0, 0);
	if (socket(AF_INET, SCTP_TYPE, IPPROTO_SCTP) >= 0)
		return 0;
	fprintf(stderr, "socket: %s\n", strerror(errno));
	return EXIT_ENVIRONMENT;
}
