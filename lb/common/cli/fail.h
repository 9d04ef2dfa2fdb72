// SPDX-License-Identifier: Apache-2.0
/* How a program ends before its time. */
#ifndef LB_FAIL_H
#define LB_FAIL_H

enum exit_code { EXIT_OK = 0, EXIT_ERROR = 1, EXIT_USAGE = 2, EXIT_ENVIRONMENT = 3 };

/* Prints the sentence and a newline on stderr and exits. */
__attribute__((noreturn, format(printf, 2, 3))) void fail(enum exit_code code, const char *format, ...);

#endif
