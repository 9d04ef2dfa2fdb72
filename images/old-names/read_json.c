// SPDX-License-Identifier: Apache-2.0
#include "read_json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DEPTH 64
#define KEY_BYTES 64

static bool take_char(struct cursor *cursor, char wanted)
{
	cursor->at += strspn(cursor->at, " \t\r\n");
	if (*cursor->at != wanted)
		return false;
	cursor->at++;
	return true;
}

static bool take_word(struct cursor *cursor, const char *word)
{
	size_t length = strlen(word);

	cursor->at += strspn(cursor->at, " \t\r\n");
	if (strncmp(cursor->at, word, length))
		return false;
	cursor->at += length;
	return true;
}

bool json_at_end(struct cursor *cursor)
{
	return take_char(cursor, 0);
}

bool json_take_number(struct cursor *cursor, double *number)
{
	char *end;

	cursor->at += strspn(cursor->at, " \t\r\n");
	if (!strchr("-0123456789", *cursor->at) || !*cursor->at)
		return false;
	*number = strtod(cursor->at, &end);
	cursor->at = end;
	return true;
}

/* The code point behind "\u"; -1: none. */
static int32_t take_code(struct cursor *cursor)
{
	int32_t code = 0;

	for (int i = 0; i < 4; i++, cursor->at++) {
		const char *digit = *cursor->at ? strchr("0123456789abcdefABCDEF", *cursor->at) : NULL;

		if (!digit)
			return -1;
		int32_t figure = (int32_t)(digit - "0123456789abcdefABCDEF");
		code = code * 16 + (figure > 15 ? figure - 6 : figure);
	}
	return code;
}

static size_t utf8(int32_t code, char *bytes)
{
	if (code < 0x80) {
		bytes[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		bytes[0] = (char)(0xc0 | code >> 6);
		bytes[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	bytes[0] = (char)(0xe0 | code >> 12);
	bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
	bytes[2] = (char)(0x80 | (code & 0x3f));
	return 3;
}

/* One character, escaped or not, as UTF-8; its length, or 0. */
static size_t take_character(struct cursor *cursor, char *bytes)
{
	static const char escaped[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";

	if (*cursor->at != '\\') {
		*bytes = *cursor->at;
		return *cursor->at++ ? 1 : 0;
	}
	char letter = *++cursor->at;
	const char *known = letter ? strchr(escaped, letter) : NULL;

	if (known) {
		cursor->at++;
		*bytes = meant[known - escaped];
		return 1;
	}
	if (letter != 'u')
		return 0;
	cursor->at++;
	int32_t code = take_code(cursor);
	return code < 1 ? 0 : utf8(code, bytes);
}

bool json_take_string(struct cursor *cursor, char *to, size_t bytes)
{
	char character[4];
	size_t used = 0;

	if (!take_char(cursor, '"'))
		return false;
	while (*cursor->at != '"') {
		size_t length = take_character(cursor, character);

		if (!length)
			return false;
		if (used + length < bytes) {
			memcpy(to + used, character, length);
			used += length;
		}
	}
	cursor->at++;
	to[used] = 0;
	return true;
}

bool json_members(struct cursor *cursor, take_member take, void *to)
{
	char key[KEY_BYTES];

	if (!take_char(cursor, '{') || ++cursor->depth > MOST_DEPTH)
		return false;
	if (!take_char(cursor, '}')) {
		do {
			if (!json_take_string(cursor, key, sizeof(key)) || !take_char(cursor, ':') ||
			    !take(cursor, key, to))
				return false;
		} while (take_char(cursor, ','));
		if (!take_char(cursor, '}'))
			return false;
	}
	cursor->depth--;
	return true;
}

bool json_elements(struct cursor *cursor, take_element take, void *to)
{
	if (take_word(cursor, "null"))
		return true;
	if (!take_char(cursor, '[') || ++cursor->depth > MOST_DEPTH)
		return false;
	if (!take_char(cursor, ']')) {
		do {
			if (!take(cursor, to))
				return false;
		} while (take_char(cursor, ','));
		if (!take_char(cursor, ']'))
			return false;
	}
	cursor->depth--;
	return true;
}

static bool skip_member(struct cursor *cursor, const char *key, void *to)
{
	(void)key;
	(void)to;
	return json_skip(cursor);
}

static bool skip_element(struct cursor *cursor, void *to)
{
	(void)to;
	return json_skip(cursor);
}

bool json_skip(struct cursor *cursor)
{
	char text[KEY_BYTES];
	double number;

	cursor->at += strspn(cursor->at, " \t\r\n");
	switch (*cursor->at) {
	case '{':
		return json_members(cursor, skip_member, NULL);
	case '[':
		return json_elements(cursor, skip_element, NULL);
	case '"':
		return json_take_string(cursor, text, sizeof(text));
	default:
		return take_word(cursor, "null") || take_word(cursor, "true") || take_word(cursor, "false") ||
		       json_take_number(cursor, &number);
	}
}
