// SPDX-License-Identifier: Apache-2.0
/* Who is there: ICMP echoes to the broadcast address of a link and to ff02::1, and who answers them. */
#ifndef LOADED_ECHO_H
#define LOADED_ECHO_H

#include "targets.h"

#define ECHO_SOCKETS 2

/* Opens what needs privileges on a device; -1 for a family that it has no address of. Exits with a clear sentence
 * when it can't. */
void echo_open(const char *device, int fds[ECHO_SOCKETS]);

/* Asks everybody; who cannot be asked now is asked the next time. */
void echo_ask(void);

/* Takes the answers that have come. Who is new becomes TARGET_UNPROVEN; this machine's own addresses do not. */
void echo_take(int fd, struct targets *targets);

#endif
