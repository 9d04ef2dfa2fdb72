// SPDX-License-Identifier: Apache-2.0
#include "state.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include "util/memory.h"

void client_targets_init(struct client *client)
{
	hosts_init(&client->hosts);
	client->troubles = allocate((MAX_HOSTS + 1) * sizeof(*client->troubles));
}

void connection_settled(struct client *client, const struct connection *c, bool established)
{
	if (c->generation)
		return;
	client->first_pending--;
	client->first_established += established;
}

void connection_established(struct client *client, struct connection *c, uint16_t host, uint64_t now)
{
	c->state = STATE_LIVE;
	c->host = host;
	c->established_ns = now;
	c->backoff_ms = 0;
	client->opening--;
	client->alive++;
	client->totals.established++;
	if (host != NO_HOST) {
		client->hosts.list[host].live++;
		client->hosts.list[host].answered++;
	}
	connection_settled(client, c, true);
}

void client_signalled(struct client *client, int signal_fd)
{
	struct signalfd_siginfo info;

	client->stop = true;
	if (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		client->signal = info.ssi_signo;
}
