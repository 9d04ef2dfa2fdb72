// SPDX-License-Identifier: Apache-2.0
/* The commands; main.c lists them. Each returns an exit code. */
#ifndef NFQUEUE_COMMANDS_H
#define NFQUEUE_COMMANDS_H

#include "cli/options.h"

#define OPTION_SHM(to) {"shm", 0, "NAME", "name of the table in /dev/shm (nfqueue-lb)", .text = (to)}

int command_init(const struct command *command, int argc, char **argv);
int command_delete(const struct command *command, int argc, char **argv);
int command_show(const struct command *command, int argc, char **argv);
int command_stats(const struct command *command, int argc, char **argv);
int command_activate(const struct command *command, int argc, char **argv);
int command_deactivate(const struct command *command, int argc, char **argv);
int command_set(const struct command *command, int argc, char **argv);
int command_flow_delete(const struct command *command, int argc, char **argv);
int command_flow_list(const struct command *command, int argc, char **argv);
int command_flow_set(const struct command *command, int argc, char **argv);
int command_create(const struct command *command, int argc, char **argv);
int command_loglevel(const struct command *command, int argc, char **argv);
int command_maglev(const struct command *command, int argc, char **argv);
int command_primebelow(const struct command *command, int argc, char **argv);
int command_replay(const struct command *command, int argc, char **argv);
int command_simulate_fragments(const struct command *command, int argc, char **argv);
int command_trace(const struct command *command, int argc, char **argv);
int command_version(const struct command *command, int argc, char **argv);
int command_lookup(const struct command *command, int argc, char **argv);
int command_run(const struct command *command, int argc, char **argv);

#endif
