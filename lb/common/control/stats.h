// SPDX-License-Identifier: Apache-2.0
/* The command `stats` of a program whose only question is how much it did. */
#ifndef LB_CONTROL_STATS_H
#define LB_CONTROL_STATS_H

#include "cli/options.h"

/* Prints what the running `program` answers to any question; `name` is that of its socket unless --name says another. */
int control_stats(const struct command *command, int argc, char **argv, const char *program, const char *name);

#endif
