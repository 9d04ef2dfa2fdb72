// SPDX-License-Identifier: Apache-2.0
#include "go.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "old.h"

/* Digits and a point, nothing else that strtod would take. */
static const char *decimal(const char *text, double *value)
{
	char copy[32];
	size_t length = strspn(text, "0123456789.");

	if (!length || length >= sizeof(copy))
		return NULL;
	memcpy(copy, text, length);
	copy[length] = 0;
	char *end;
	*value = strtod(copy, &end);
	return *end || end == copy ? NULL : text + length;
}

double go_duration(const char *name, const char *text)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = {{"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9}, {"h", 3600}, {"m", 60}, {"s", 1}};
	const char *at = text;
	double sum = 0, value;

	if (!strcmp(text, "0"))
		return 0;
	while (*at && (at = decimal(at, &value))) {
		size_t i = 0;

		while (i < COUNT_OF(units) && strncmp(at, units[i].name, strlen(units[i].name)))
			i++;
		if (i == COUNT_OF(units))
			old_invalid(name, text, "a time with its unit, such as 20s");
		sum += value * units[i].seconds;
		at += strlen(units[i].name);
	}
	if (!*text || !at || *at)
		old_invalid(name, text, "a time with its unit, such as 20s");
	return sum;
}

double go_number(const char *name, const char *text)
{
	double value = 0;
	const char *end = decimal(text, &value);

	if (!end || *end || value <= 0)
		old_invalid(name, text, "a number above 0");
	return value;
}

struct listen go_listen(const char *name, const char *text)
{
	const char *colon = strrchr(text, ':');
	struct listen found = {.port = colon ? colon + 1 : ""};
	size_t length = colon ? (size_t)(colon - text) : 0;

	if (length > 1 && *text == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	if (!*found.port || length >= sizeof(found.address))
		old_invalid(name, text, "ADDRESS:PORT");
	memcpy(found.address, text, length);
	return found;
}
