// SPDX-License-Identifier: Apache-2.0
/* A growing piece of text, and JSON in it. */
#ifndef TRAFFIC_TEXT_H
#define TRAFFIC_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
	char *data;
	size_t length, capacity;
};

/* Room for `bytes` more bytes at the end; the caller adds to length what it has used. */
char *text_room(struct text *text, size_t bytes);
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Quoted and escaped. Bytes above 127 become \u00XX, so the output is valid JSON whatever a peer called
 * itself. */
void text_add_json(struct text *text, const char *string);
void text_add_base64(struct text *text, const uint8_t *bytes, size_t count);
void text_free(struct text *text);

#endif
