// SPDX-License-Identifier: Apache-2.0
/*
 * Standard output that never holds up the traffic: lines are queued here and written when the reader has
 * room. When the reader has gone the program ends at once, with exit code 1.
 */
#ifndef TRAFFIC_OUT_H
#define TRAFFIC_OUT_H

#include "json/json.h"

extern struct text out;

void out_init(void);
void out_flush(void); /* as much as goes without waiting */
void out_drain(void); /* all of it */
int out_pending(void);

#endif
