// SPDX-License-Identifier: Apache-2.0
/* What the generator tells: one JSON object a line. Names and units are those of the record. */
#ifndef TRAFFIC_EVENTS_H
#define TRAFFIC_EVENTS_H

#include "state.h"

void events_start(const struct client *client);
void events_hosts(struct client *client, uint64_t now);
void events_all_established(const struct client *client, uint64_t now);
void events_sample(struct client *client, uint64_t now);
void events_row(struct client *client, const struct row *row, uint64_t now);
void events_rows_flush(struct client *client, uint64_t now);
/* A message was due then whose answer is late, or never came. */
void events_missed(struct client *client, uint64_t due, uint64_t now);
void events_end(struct client *client, uint64_t now);

#endif
