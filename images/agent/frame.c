// SPDX-License-Identifier: Apache-2.0
#include "frame.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

void buffer_append(struct buffer *b, const void *data, size_t length)
{
	if (b->start > 0 && b->end + length > b->size) {
		memmove(b->data, b->data + b->start, b->end - b->start);
		b->end -= b->start;
		b->start = 0;
	}
	if (b->end + length > b->size) {
		b->size = (b->end + length) * 2;
		b->data = realloc(b->data, b->size);
		if (!b->data)
			abort();
	}
	if (length)
		memcpy(b->data + b->end, data, length);
	b->end += length;
}

void buffer_consume(struct buffer *b, size_t length)
{
	b->start += length;
	if (b->start == b->end)
		b->start = b->end = 0;
}

void buffer_free(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){0};
}

int frame_next(const char **at, const char *end, struct frame_head *head, const char **payload)
{
	if ((size_t)(end - *at) < sizeof(*head))
		return 0;
	memcpy(head, *at, sizeof(*head));
	if (head->length > FRAME_MAX)
		return -1;
	if ((size_t)(end - *at) - sizeof(*head) < head->length)
		return 0;
	*payload = *at + sizeof(*head);
	*at = *payload + head->length;
	return 1;
}

const char *string_next(const char **at, const char *end)
{
	const char *string = *at, *nul = memchr(string, 0, (size_t)(end - string));

	if (!nul)
		return NULL;
	*at = nul + 1;
	return string;
}

static struct buffer kept;
static int is_keeping;

void frames_keep(void)
{
	is_keeping = 1;
}

struct buffer *frames_kept(void)
{
	return &kept;
}

void frame_send(uint32_t id, enum frame_type type, const void *payload, size_t length)
{
	struct frame_head head = {.length = (uint32_t)length, .id = id, .type = (uint8_t)type};
	struct iovec iov[2] = {{&head, sizeof(head)}, {(void *)payload, length}};
	struct iovec *next = iov;

	if (is_keeping) {
		buffer_append(&kept, &head, sizeof(head));
		buffer_append(&kept, payload, length);
		return;
	}
	while (next < iov + 2) {
		ssize_t n = writev(STDOUT_FILENO, next, (int)(iov + 2 - next));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			_exit(0); /* the harness is gone, and so must everything here */
		while (next < iov + 2 && (size_t)n >= next->iov_len)
			n -= (ssize_t)next++->iov_len;
		if (next < iov + 2) {
			next->iov_base = (char *)next->iov_base + n;
			next->iov_len -= (size_t)n;
		}
	}
}

void frame_error(uint32_t id, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	frame_send(id, FRAME_ERROR, text, strlen(text));
}
