// SPDX-License-Identifier: Apache-2.0
#include "words.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/fail.h"
#include "util/memory.h"

void words_add(struct words *words, const char *format, ...)
{
	va_list args;

	words->list = reallocate(words->list, ((size_t)words->n + 2) * sizeof(*words->list));
	va_start(args, format);
	if (vasprintf(&words->list[words->n++], format, args) < 0)
		abort();
	va_end(args);
	words->list[words->n] = NULL;
}

void words_run(struct words *words)
{
	char file[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", file, sizeof(file) - 1);

	if (length > 0) {
		file[length] = 0;
		char *name = strrchr(file, '/') + 1;
		snprintf(name, sizeof(file) - (size_t)(name - file), "%s", words->list[0]);
		execv(file, words->list);
	}
	execvp(words->list[0], words->list);
	fail(EXIT_ENVIRONMENT, "Cannot run '%s': %s. It should be beside this program.", words->list[0],
	     strerror(errno));
}
