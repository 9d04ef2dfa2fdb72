// SPDX-License-Identifier: Apache-2.0
/* The agent's protocol: frames on stdin and stdout. harness/runtime/frame.ts is its other end.
 *
 * A frame is a 12-byte header, little endian, and a payload. `id` is chosen by the harness, one for each
 * request; every answer carries it. Strings are NUL-terminated.
 */
#ifndef AGENT_FRAME_H
#define AGENT_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum frame_type {
	/* harness -> agent */
	FRAME_MACHINE = 1, /* names: make these machines (network, uts and mount namespace each) */
	FRAME_SPAWN = 2,   /* struct spawn_head, machine, cwd, argv.., env.., then bytes for stdin */
	FRAME_STDIN = 3,   /* bytes for the stdin of process `id` */
	FRAME_CLOSE = 4,   /* end of the stdin of process `id` */
	FRAME_SIGNAL = 5,  /* uint32 signal number, to the process group of `id` */
	FRAME_RESIZE = 6,  /* uint16 rows, uint16 columns of the terminal of `id` */
	FRAME_BATCH = 7,   /* frames other than batches, handled in order */
	FRAME_CLOCK = 8,   /* in a guest only: nothing, or int64 ns; answered by FRAME_DONE with int64 ns */
	/* agent -> harness */
	FRAME_HELLO = 64,   /* JSON: version, pid, rootless */
	FRAME_STARTED = 65, /* uint32 pid */
	FRAME_STDOUT = 66,  /* bytes */
	FRAME_STDERR = 67,  /* bytes */
	FRAME_EXIT = 68,    /* struct exit_body: the process has ended and its output was sent */
	FRAME_ERROR = 69,   /* text: the request `id` could not be carried out */
	FRAME_DONE = 70,    /* the request `id` was carried out */
};

struct frame_head {
	uint32_t length; /* of the payload */
	uint32_t id;
	uint8_t type;
	uint8_t zero[3];
};

enum spawn_flag {
	SPAWN_KEEP_STDIN = 1, /* stdin stays open for FRAME_STDIN */
	SPAWN_TTY = 2,	      /* stdin, stdout and stderr are one new terminal */
};

struct spawn_head {
	uint16_t flags;
	uint16_t argc;
	uint16_t envc;
	uint16_t rows;
	uint16_t columns;
} __attribute__((packed));

struct exit_body {
	int32_t code; /* -1 when ended by a signal */
	int32_t signal;
	uint64_t user_us;
	uint64_t system_us;
} __attribute__((packed));

#define FRAME_MAX (64u << 20)

/* Grows as needed; `start` is what was consumed already. */
struct buffer {
	char *data;
	size_t start, end, size;
};

void buffer_append(struct buffer *b, const void *data, size_t length);
void buffer_consume(struct buffer *b, size_t length);
void buffer_free(struct buffer *b);

/* Takes the next whole frame out of [*at, end): 1 = one taken, 0 = more bytes are needed, -1 = not a frame.
 */
int frame_next(const char **at, const char *end, struct frame_head *head, const char **payload);

/* Takes a NUL-terminated string out of [*at, end), NULL when there is none. */
const char *string_next(const char **at, const char *end);

/* Writes a whole frame to stdout; ends the agent when the harness is gone. */
void frame_send(uint32_t id, enum frame_type type, const void *payload, size_t length);
/* From now on frames are kept for a turn of the host's instead. */
void frames_keep(void);
struct buffer *frames_kept(void);
void frame_error(uint32_t id, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
