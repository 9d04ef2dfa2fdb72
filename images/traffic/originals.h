// SPDX-License-Identifier: Apache-2.0
/* Results as mconnect and ctraffic print them, for the scripts that read those. */
#ifndef TRAFFIC_ORIGINALS_H
#define TRAFFIC_ORIGINALS_H

#include "state.h"

void originals_init(struct client *client);
void originals_row(struct client *client, const struct row *row);
void originals_sample(struct client *client, uint64_t now);
/* Prints the result; returns the exit code. */
int originals_finish(struct client *client, uint64_t now);

#endif
