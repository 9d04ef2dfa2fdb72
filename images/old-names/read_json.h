// SPDX-License-Identifier: Apache-2.0
/*
 * JSON, read in place from a text that ends with NUL. Each function takes what it is named after and moves the
 * cursor behind it; false: something else is there, and the cursor is anywhere.
 */
#ifndef OLD_NAMES_READ_JSON_H
#define OLD_NAMES_READ_JSON_H

#include <stdbool.h>
#include <stddef.h>

struct cursor {
	const char *at;
	int depth;
};

typedef bool (*take_member)(struct cursor *cursor, const char *key, void *to);
typedef bool (*take_element)(struct cursor *cursor, void *to);

/* `take` must take the member's value; json_skip() does so for those that nobody wants. */
bool json_members(struct cursor *cursor, take_member take, void *to);
/* null is an empty list: Go writes it so. */
bool json_elements(struct cursor *cursor, take_element take, void *to);
bool json_take_number(struct cursor *cursor, double *number);
/* Cut to the room that is there. */
bool json_take_string(struct cursor *cursor, char *to, size_t bytes);
bool json_skip(struct cursor *cursor);
/* Nothing but white space is left. */
bool json_at_end(struct cursor *cursor);

#endif
