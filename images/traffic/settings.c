// SPDX-License-Identifier: Apache-2.0
#include "settings.h"

#define MAX_CONNECTIONS 10000000

const char *protocol_name(const struct settings *set)
{
	return set->udp ? "udp" : set->sctp ? "sctp" : "tcp";
}

void address_check(const union address *address, const struct cidr *source, const char *port)
{
	if (address->any.sa_family == AF_UNSPEC)
		fail(EXIT_USAGE, "Option --address is missing. Give HOST:PORT, IPv6 as [1000::]:%s.", port);
	if (source->family != AF_UNSPEC && source->family != address->any.sa_family)
		fail(EXIT_USAGE, "--src and --address must be of one family.");
}

void settings_check(const struct settings *set, const char *port)
{
	address_check(&set->address, &set->source, port);
	if (!set->connections || set->connections > MAX_CONNECTIONS)
		fail(EXIT_USAGE, "Invalid value for --connections: expected 1 to %d.", MAX_CONNECTIONS);
	if (!set->sample_ns || !set->timeout_ns)
		fail(EXIT_USAGE, "Invalid value for --sample or the time-out: expected more than 0.");
	if (set->sources && set->source.family == AF_UNSPEC)
		fail(EXIT_USAGE, "--sources needs the network of --src.");
	if (set->second.family != AF_UNSPEC &&
	    (!set->sctp || set->second.family != set->source.family || set->second.host_bits < set->source.host_bits))
		fail(EXIT_USAGE, "--second-src needs --sctp, and --src of the same family, and no larger.");
	if (set->udp && set->sctp)
		fail(EXIT_USAGE, "--udp and --sctp exclude each other.");
	if (set->share.count > 1 && set->source.family == AF_UNSPEC)
		fail(EXIT_USAGE, "--share needs the network of --src.");
	if (set->part.count > set->connections)
		fail(EXIT_USAGE, "Invalid value for --part: there are more parts than connections.");
}
