// SPDX-License-Identifier: Apache-2.0
/*
 * How a balancer hands over to the one that takes its place: files that live on while one of the two has them open
 * (sockets, maps, links) go from process to process, by a socket whose name belongs to the network namespace.
 */
#ifndef LB_HANDOVER_H
#define LB_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#define HANDOVER_FILES_MAX 128

/* What the two must agree on: numbers of the program's own, all zero where there is nothing. */
struct handover_terms {
	uint32_t numbers[4];
};

/* For those who come later. */
int handover_listen(const char *name);

/* Reads the terms of one who has come, who must be of our own user. Returns the connection, or -1. */
int handover_accept(int listener, struct handover_terms *terms);

/* Hands the files over; false when nobody takes them any more. */
bool handover_give(int connection, const int *files, uint32_t n);

/*
 * Asks the balancer that runs for its files; returns how many. Fails with a sentence when none runs, or it refuses
 * the terms. `before` is for handover_done(): until then it is still there.
 */
uint32_t handover_take(const char *program, const char *name, const struct handover_terms *terms, int *files,
		       int *before);

/* Waits for the end of the one before. */
void handover_done(int before);

#endif
