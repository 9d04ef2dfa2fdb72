// SPDX-License-Identifier: Apache-2.0
/* The subcommands. Each takes the words after its name and returns the exit code. */
#ifndef TRAFFIC_COMMANDS_H
#define TRAFFIC_COMMANDS_H

int serve_main(char **arguments);
int connect_main(char **arguments);
int flood_main(char **arguments);
int stream_main(char **arguments);
int fragments_main(char **arguments);

#endif
