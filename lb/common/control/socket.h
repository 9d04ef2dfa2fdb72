// SPDX-License-Identifier: Apache-2.0
/*
 * How a program's commands reach the one that runs: a socket whose name belongs to the network namespace, so
 * that nothing is left in a file system, and which is gone when its owner is. One question, one answer.
 */
#ifndef LB_CONTROL_SOCKET_H
#define LB_CONTROL_SOCKET_H

#include <stddef.h>

#include "json/text.h"

/* Fails with a sentence when a balancer of that name runs already. */
int control_socket_listen(const char *name);

/* What a question of `size` bytes is answered with; an answer that begins with '!' is an error's sentence. */
typedef void (*control_socket_answer)(void *context, const void *question, size_t size, struct text *answer);

/* Answers one caller, who must be of our own user; `question` is memory of `room` bytes. */
void control_socket_serve(int listener, void *question, size_t room, control_socket_answer answer,
			  void *context);

/* The answer, to be freed; fails with a sentence. `program` is what would have to run. */
char *control_socket_ask(const char *program, const char *name, const void *question, size_t size);

#endif
