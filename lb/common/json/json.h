// SPDX-License-Identifier: Apache-2.0
/*
 * Compact JSON at the end of a text. A member's key is NULL where there is none: in arrays, and at the top.
 * Commas come by themselves. Keys and strings are escaped.
 */
#ifndef LB_JSON_H
#define LB_JSON_H

#include <stdbool.h>

#include "json/text.h"

void json_object(struct text *text, const char *key);
void json_object_end(struct text *text);
void json_array(struct text *text, const char *key);
void json_array_end(struct text *text);
void json_number(struct text *text, const char *key, uint64_t value);
void json_real(struct text *text, const char *key, const char *format, double value);
void json_bool(struct text *text, const char *key, bool value);
void json_null(struct text *text, const char *key);
void json_string(struct text *text, const char *key, const char *string);
void json_hex(struct text *text, const char *key, const void *bytes, size_t n);
void json_base64(struct text *text, const char *key, const uint8_t *bytes, size_t n);

/* An event begins: {"event":..,"t":.. with the time in ns; json_line() ends it. */
void json_event(struct text *text, const char *event, uint64_t ns);
/* Ends the object at the top, and the line. */
void json_line(struct text *text);

#endif
