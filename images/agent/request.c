// SPDX-License-Identifier: Apache-2.0
#include "request.h"

#include <stdlib.h>
#include <string.h>

static char **strings_next(const char **at, const char *end, unsigned count)
{
	char **list = calloc(count + 1u, sizeof(*list));

	for (unsigned i = 0; list && i < count; i++) {
		list[i] = (char *)string_next(at, end);
		if (!list[i]) {
			free(list);
			return NULL;
		}
	}
	return list;
}

int request_parse(struct request *r, const char *at, const char *end)
{
	if ((size_t)(end - at) < sizeof(r->head))
		return -1;
	memcpy(&r->head, at, sizeof(r->head));
	at += sizeof(r->head);
	r->machine = string_next(&at, end);
	r->cwd = r->machine ? string_next(&at, end) : NULL;
	r->argv = r->cwd ? strings_next(&at, end, r->head.argc) : NULL;
	r->env = r->argv ? strings_next(&at, end, r->head.envc) : NULL;
	r->input = at;
	r->input_length = (size_t)(end - at);
	return r->env && r->head.argc > 0 ? 0 : -1;
}
