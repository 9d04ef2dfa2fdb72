// SPDX-License-Identifier: Apache-2.0
/* The loop of `traffic fragments`. */
#ifndef TRAFFIC_GENERATOR_H
#define TRAFFIC_GENERATOR_H

#include "generation.h"

/* Returns the exit code. */
int generator_run(struct generator *g);

#endif
