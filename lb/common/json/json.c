// SPDX-License-Identifier: Apache-2.0
#include "json/json.h"

#include <string.h>

/* Whether the next member is the first one is seen by what stands before it. */
static void begin_member(struct text *text, const char *key)
{
	const char last = text->length ? text->data[text->length - 1] : '\n';

	if (last != '{' && last != '[' && last != '\n')
		text_append(text, ",", 1);
	if (!key)
		return;
	text_add_json(text, key);
	text_append(text, ":", 1);
}

void json_object(struct text *text, const char *key)
{
	begin_member(text, key);
	text_append(text, "{", 1);
}

void json_object_end(struct text *text)
{
	text_append(text, "}", 1);
}

void json_array(struct text *text, const char *key)
{
	begin_member(text, key);
	text_append(text, "[", 1);
}

void json_array_end(struct text *text)
{
	text_append(text, "]", 1);
}

void json_number(struct text *text, const char *key, uint64_t value)
{
	char digits[20], *at = digits + sizeof(digits);

	begin_member(text, key);
	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	text_append(text, at, (size_t)(digits + sizeof(digits) - at));
}

void json_real(struct text *text, const char *key, const char *format, double value)
{
	begin_member(text, key);
	text_add_real(text, format, value);
}

static void literal(struct text *text, const char *key, const char *word)
{
	begin_member(text, key);
	text_append(text, word, strlen(word));
}

void json_bool(struct text *text, const char *key, bool value)
{
	literal(text, key, value ? "true" : "false");
}

void json_null(struct text *text, const char *key)
{
	literal(text, key, "null");
}

void json_string(struct text *text, const char *key, const char *string)
{
	begin_member(text, key);
	text_add_json(text, string);
}

void json_hex(struct text *text, const char *key, const void *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *from = bytes;
	char *to;

	begin_member(text, key);
	to = text_room(text, 2 * n + 2);
	*to++ = '"';
	for (size_t i = 0; i < n; i++) {
		*to++ = digits[from[i] >> 4];
		*to++ = digits[from[i] & 15];
	}
	*to = '"';
	text->length += 2 * n + 2;
}

void json_base64(struct text *text, const char *key, const uint8_t *bytes, size_t n)
{
	begin_member(text, key);
	text_append(text, "\"", 1);
	text_add_base64(text, bytes, n);
	text_append(text, "\"", 1);
}

void json_event(struct text *text, const char *event, uint64_t ns)
{
	json_object(text, NULL);
	json_string(text, "event", event);
	json_number(text, "t", ns);
}

void json_line(struct text *text)
{
	text_append(text, "}\n", 2);
}
