// SPDX-License-Identifier: Apache-2.0
/* A growing piece of text. */
#ifndef LB_TEXT_H
#define LB_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct text {
	char *data;
	size_t length, capacity;
};

/* Room for `bytes` more bytes at the end; the caller adds to length what it has used. */
char *text_room(struct text *text, size_t bytes);
void text_append(struct text *text, const void *bytes, size_t count);
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Quoted and escaped. Bytes above 127 become \u00XX, so the output is valid JSON whatever a peer called
 * itself. */
void text_add_json(struct text *text, const char *string);
void text_add_base64(struct text *text, const uint8_t *bytes, size_t count);
/* By a format of one double, as "%.0f". */
void text_add_real(struct text *text, const char *format, double value);
/* Writes all of it and empties it; then flushes. */
void text_print(struct text *text, FILE *out);
void text_free(struct text *text);

#endif
