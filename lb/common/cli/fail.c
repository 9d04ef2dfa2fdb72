// SPDX-License-Identifier: Apache-2.0
#include "cli/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void fail(enum exit_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	putc('\n', stderr);
	exit(code);
}
