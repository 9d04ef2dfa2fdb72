// SPDX-License-Identifier: Apache-2.0
/* The commands; main.c lists them. Each returns an exit code. */
#ifndef TRAFFIC_COMMANDS_H
#define TRAFFIC_COMMANDS_H

#include "cli/options.h"

int command_check(const struct command *command, int argc, char **argv);
int command_connect(const struct command *command, int argc, char **argv);
int command_flood(const struct command *command, int argc, char **argv);
int command_fragments(const struct command *command, int argc, char **argv);
int command_sctp(const struct command *command, int argc, char **argv);
int command_hear(const struct command *command, int argc, char **argv);
int command_serve(const struct command *command, int argc, char **argv);
int command_spoof(const struct command *command, int argc, char **argv);
int command_stream(const struct command *command, int argc, char **argv);

#endif
