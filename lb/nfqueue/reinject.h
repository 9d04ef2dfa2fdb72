// SPDX-License-Identifier: Apache-2.0
/* A tun device of our own: what is written to it comes in again as if from a network. */
#ifndef NFQUEUE_REINJECT_H
#define NFQUEUE_REINJECT_H

#include <stdbool.h>
#include <stdint.h>

/* Makes the device and sets it up; it goes with the process. Exits with a clear sentence when it can't. */
int reinject_open(const char *name);

bool reinject(int fd, const uint8_t *packet, uint32_t size);

/* Throws away what the kernel sends to the device, such as its group reports. */
void reinject_drain(int fd);

#endif
