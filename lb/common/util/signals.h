// SPDX-License-Identifier: Apache-2.0
#ifndef LB_SIGNALS_H
#define LB_SIGNALS_H

#include <stdbool.h>

/* A file from which SIGTERM, SIGINT and SIGHUP are read. To be called before the first thread starts: all threads inherit that they
 * are blocked, and they come here. */
int signals_open(void);

/* Until there is something to read from `fd`; false: a signal came instead, of which `signals` is the file. */
bool signals_wait(int signals, int fd);

#endif
