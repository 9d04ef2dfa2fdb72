// SPDX-License-Identifier: Apache-2.0
#include "watch.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static double number(const char *json, const char *name)
{
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(json, key);
	return at ? strtod(at + strlen(key), NULL) : 0;
}

static const char *picked(const char *json)
{
	const char *at = strstr(json, "\"picked\":[");

	return at ? at + strlen("\"picked\":[") : "]";
}

/* Targets that got nothing at all are left out. */
static void print_targets(const char *before, const char *now, double seconds, FILE *out)
{
	char *end_before, *end_now;

	for (unsigned target = 0; *now != ']'; target++) {
		const double was = strtod(before, &end_before), is = strtod(now, &end_now);

		if (is > 0)
			fprintf(out, "  target %-4u %12.0f packets/s %14.0f in all\n", target,
				(is - was) / seconds, is);
		before = end_before + (*end_before == ',');
		now = end_now + (*end_now == ',');
	}
}

/* The thread of each queue of the user-space plane. */
static void print_queues(const char *before, const char *now, double seconds, FILE *out)
{
	while ((before = strstr(before, "\"queue\":")) && (now = strstr(now, "\"queue\":"))) {
		const double frames = number(now, "frames") - number(before, "frames");
		const double cpu_ns = number(now, "cpu_ns") - number(before, "cpu_ns");

		fprintf(out, "  queue %-4.0f  %12.0f frames/s %14.0f ns of CPU each, %.0f %% of one\n",
			number(now++, "queue"), frames / seconds, frames > 0 ? cpu_ns / frames : 0,
			cpu_ns / seconds / 1e7);
		before++;
	}
}

static void print_program(const char *before, const char *now, double seconds, FILE *out)
{
	const double runs = number(now, "runs") - number(before, "runs");

	if (runs > 0)
		fprintf(out, "  BPF program %12.0f runs/s %16.0f ns each\n", runs / seconds,
			(number(now, "ns") - number(before, "ns")) / runs);
}

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

/* Every name of the line that has a number which is not zero. */
static void print_counters(const char *before, const char *now, double seconds, FILE *out)
{
	static const char *const hidden[] = {"t", "queue", "frames", "cpu_ns", "runs", "ns", NULL};
	static const char *const drops[] = {"no_target",	"malformed",	  "short", "socket_no_buffer",
					    "socket_ring_full", "socket_invalid", NULL};

	for (const char *at = now; (at = strchr(at, '"'));) {
		const char *end = strchr(at + 1, '"');
		char name[64] = "";
		bool shown = end && end[1] == ':' && strchr("0123456789", end[2]) && end - at < 64;

		if (!end)
			return;
		if (shown)
			memcpy(name, at + 1, end - at - 1);
		if (shown && !is_one_of(name, hidden) && number(now, name) > 0)
			fprintf(out, "  %-16s %7.0f /s %22.0f in all%s\n", name,
				(number(now, name) - number(before, name)) / seconds, number(now, name),
				is_one_of(name, drops) ? ", dropped" : "");
		at = end + 1;
	}
}

void watch_print(const char *before, const char *now, FILE *out)
{
	const double seconds = (number(now, "t") - number(before, "t")) / 1e9;

	fprintf(out, "%.1f s:\n", seconds);
	print_counters(before, now, seconds, out);
	print_targets(picked(before), picked(now), seconds, out);
	print_program(before, now, seconds, out);
	print_queues(before, now, seconds, out);
	fflush(out);
}
