// SPDX-License-Identifier: Apache-2.0
#include "json/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/memory.h"

char *text_room(struct text *text, size_t bytes)
{
	if (text->length + bytes > text->capacity) {
		text->capacity = (text->length + bytes) * 2;
		text->data = reallocate(text->data, text->capacity);
	}
	return text->data + text->length;
}

void text_append(struct text *text, const void *bytes, size_t count)
{
	memcpy(text_room(text, count), bytes, count);
	text->length += count;
}

void text_add(struct text *text, const char *format, ...)
{
	va_list list, again;

	va_start(list, format);
	va_copy(again, list);
	int length = vsnprintf(NULL, 0, format, list);
	char *to = text_room(text, (size_t)length + 1);
	text->length += (size_t)vsnprintf(to, (size_t)length + 1, format, again);
	va_end(again);
	va_end(list);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
void text_add_real(struct text *text, const char *format, double value)
{
	char digits[64];

	text_append(text, digits, (size_t)snprintf(digits, sizeof(digits), format, value));
}
#pragma GCC diagnostic pop

void text_add_json(struct text *text, const char *string)
{
	char *start = text_room(text, strlen(string) * 6 + 3), *to = start;

	*to++ = '"';
	for (; *string; string++) {
		unsigned char byte = (unsigned char)*string;

		if (byte == '"' || byte == '\\') {
			*to++ = '\\';
			*to++ = (char)byte;
		} else if (byte < 0x20 || byte > 0x7e) {
			to += sprintf(to, "\\u%04x", byte);
		} else {
			*to++ = (char)byte;
		}
	}
	*to++ = '"';
	text->length += (size_t)(to - start);
}

void text_add_base64(struct text *text, const uint8_t *bytes, size_t count)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *start = text_room(text, (count + 2) / 3 * 4), *to = start;

	for (size_t i = 0; i < count; i += 3) {
		size_t left = count - i;
		uint32_t group = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
				 (left > 2 ? bytes[i + 2] : 0);

		*to++ = digits[group >> 18];
		*to++ = digits[group >> 12 & 63];
		*to++ = left > 1 ? digits[group >> 6 & 63] : '=';
		*to++ = left > 2 ? digits[group & 63] : '=';
	}
	text->length += (size_t)(to - start);
}

void text_print(struct text *text, FILE *out)
{
	fwrite(text->data, 1, text->length, out);
	fflush(out);
	text->length = 0;
}

void text_free(struct text *text)
{
	release(text->data);
	*text = (struct text){0};
}
