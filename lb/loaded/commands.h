// SPDX-License-Identifier: Apache-2.0
/* The commands; main.c lists them. Each returns an exit code. */
#ifndef LOADED_COMMANDS_H
#define LOADED_COMMANDS_H

#include "cli/options.h"

int command_activate(const struct command *command, int argc, char **argv);
int command_deactivate(const struct command *command, int argc, char **argv);
int command_run(const struct command *command, int argc, char **argv);
int command_set(const struct command *command, int argc, char **argv);
int command_show(const struct command *command, int argc, char **argv);
int command_stats(const struct command *command, int argc, char **argv);

#endif
