// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_GUEST_H
#define AGENT_GUEST_H

#include "frame.h"

/* As process 1 of a virtual machine that runs from its initramfs: mounts, the drivers of the port, and the
 * virtio-serial port of this name as stdin and stdout; or, where the name is GUEST_BOX, the box of a machine in
 * virtual time. On failure a sentence is on the console and the machine goes down. */
#define GUEST_BOX "box"
void guest_enter(const char *port);

/* Powers the machine off; does not return. */
void guest_leave(void) __attribute__((noreturn));

/* FRAME_CLOCK: without a payload answers with CLOCK_MONOTONIC in ns (uint64); with one, an int64, moves the
 * CLOCK_MONOTONIC of all processes that are started from now on by so many ns. Only before the first of them. */
void clock_handle(uint32_t id, const char *payload, size_t length);

#endif
