// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_PROCESS_H
#define AGENT_PROCESS_H

#include "frame.h"

#include <sys/resource.h>
#include <sys/types.h>

/* What epoll tells about: one stream of one process, or one of the agent's own descriptors. */
enum stream { STREAM_STDIN, STREAM_STDOUT, STREAM_STDERR, STREAM_COUNT };

struct process {
	struct process *next;
	uint32_t id;
	pid_t pid;
	int fd[STREAM_COUNT]; /* -1: closed. With a terminal, stdin and stdout are the same descriptor. */
	struct buffer input;  /* waiting until the process reads it */
	int close_input;      /* after `input` is written */
	int tty;
};

/* Handles one request; `epoll` gets the new descriptors, with data.u64 = (id << 2 | stream). */
void process_spawn(int epoll, uint32_t id, const char *payload, const char *end);
struct process *process_find(uint32_t id);
void process_input(int epoll, struct process *p, const char *data, size_t length, int close_after);
void process_event(int epoll, struct process *p, enum stream stream);
void process_ended(pid_t pid, int status, const struct rusage *usage);
void processes_kill(void);
void process_signal(struct process *p, int number);
void process_resize(struct process *p, unsigned rows, unsigned columns);

#endif
