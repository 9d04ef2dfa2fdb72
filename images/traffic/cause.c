// SPDX-License-Identifier: Apache-2.0
#include "cause.h"

#include <errno.h>

const char *const cause_names[CAUSES] = {
	[CAUSE_NONE] = "none",	     [CAUSE_RESET] = "reset",
	[CAUSE_EOF] = "eof",	     [CAUSE_TIMEOUT] = "timeout",
	[CAUSE_REFUSED] = "refused", [CAUSE_WRONG_TARGET] = "wrong_target",
	[CAUSE_STALLED] = "stalled", [CAUSE_UNREACHABLE] = "unreachable",
	[CAUSE_LOCAL] = "local",
};

enum cause cause_of_errno(int error)
{
	switch (error) {
	case ECONNRESET:
	case EPIPE:
		return CAUSE_RESET;
	case ETIMEDOUT:
		return CAUSE_TIMEOUT;
	case ECONNREFUSED:
		return CAUSE_REFUSED;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EPROTO:	  /* ICMPv6 parameter problem */
	case EACCES:	  /* ICMP administratively prohibited (IPv6) */
	case ENOPROTOOPT: /* ICMP protocol unreachable */
		return CAUSE_UNREACHABLE;
	default:
		return CAUSE_LOCAL;
	}
}
