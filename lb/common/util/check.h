// SPDX-License-Identifier: Apache-2.0
/* For unit tests: CHECK(condition[, format, ...]), then `return check_report("name")` from main. */
#ifndef LB_CHECK_H
#define LB_CHECK_H

#include <stdio.h>

static unsigned check_failed, check_passed;

#define CHECK(condition, ...)                                                                                \
	do {                                                                                                 \
		if (condition) {                                                                             \
			check_passed++;                                                                      \
		} else {                                                                                     \
			check_failed++;                                                                      \
			fprintf(stderr, "%s:%d: %s:", __FILE__, __LINE__, #condition);                      \
			fprintf(stderr, " " __VA_ARGS__);                                                        \
			putc('\n', stderr);                                                                  \
		}                                                                                            \
	} while (0)

static inline int check_report(const char *name)
{
	printf("%s: %u checks passed, %u failed\n", name, check_passed, check_failed);
	return check_failed != 0;
}

#endif
