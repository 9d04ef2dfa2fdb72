// SPDX-License-Identifier: Apache-2.0
#include "util/memory.h"

#include <stdlib.h>

#include "cli/fail.h"

static void *checked(void *memory, size_t bytes)
{
	if (!memory)
		fail(EXIT_ENVIRONMENT, "Cannot get %zu bytes of memory.", bytes);
	return memory;
}

void *allocate(size_t bytes)
{
	return checked(calloc(1, bytes ? bytes : 1), bytes);
}

void *reallocate(void *old, size_t bytes)
{
	return checked(realloc(old, bytes), bytes);
}

void release(void *memory)
{
	free(memory);
}
