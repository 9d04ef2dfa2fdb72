// SPDX-License-Identifier: Apache-2.0
/* What the harness asks for when it starts a program, as it lies in a frame. */
#ifndef AGENT_REQUEST_H
#define AGENT_REQUEST_H

#include <stddef.h>

#include "frame.h"

struct request {
	struct spawn_head head;
	const char *machine, *cwd;
	char **argv, **env;
	const char *input;
	size_t input_length;
};

/* 0, or -1 where it is cut or malformed. The strings are those of the frame. */
int request_parse(struct request *r, const char *at, const char *end);

#endif
