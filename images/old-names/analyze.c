// SPDX-License-Identifier: Apache-2.0
#include "analyze.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/options.h"
#include "read_json.h"
#include "util/memory.h"

#define NS_PER_S 1e9
#define MOST_SECONDS 100000

struct connection {
	double started, connect, ended;
	bool failed;
	char host[64];
};

struct sample {
	double time, received;
};

struct statistics {
	double duration, connections, packet_size;
	struct connection *list;
	struct sample *samples;
	size_t n, sample_count;
};

/* Grows at powers of two. */
static void *with_room(void *list, size_t n, size_t bytes)
{
	return n & (n - 1) ? list : reallocate(list, (n ? 2 * n : 1) * bytes);
}

static bool connection_member(struct cursor *cursor, const char *key, void *to)
{
	struct connection *c = to;
	char text[2];

	if (!strcmp(key, "Started"))
		return json_take_number(cursor, &c->started);
	if (!strcmp(key, "Connect"))
		return json_take_number(cursor, &c->connect);
	if (!strcmp(key, "Ended"))
		return json_take_number(cursor, &c->ended);
	if (!strcmp(key, "Host"))
		return json_take_string(cursor, c->host, sizeof(c->host));
	if (strcmp(key, "Err"))
		return json_skip(cursor);
	bool taken = json_take_string(cursor, text, sizeof(text));
	c->failed = taken && *text;
	return taken;
}

static bool connection_element(struct cursor *cursor, void *to)
{
	struct statistics *s = to;

	s->list = with_room(s->list, s->n, sizeof(*s->list));
	s->list[s->n] = (struct connection){0};
	return json_members(cursor, connection_member, &s->list[s->n++]);
}

static bool sample_member(struct cursor *cursor, const char *key, void *to)
{
	struct sample *sample = to;
	double *number = !strcmp(key, "Time") ? &sample->time : !strcmp(key, "Received") ? &sample->received : NULL;

	return number ? json_take_number(cursor, number) : json_skip(cursor);
}

static bool sample_element(struct cursor *cursor, void *to)
{
	struct statistics *s = to;

	s->samples = with_room(s->samples, s->sample_count, sizeof(*s->samples));
	s->samples[s->sample_count] = (struct sample){0};
	return json_members(cursor, sample_member, &s->samples[s->sample_count++]);
}

static bool member(struct cursor *cursor, const char *key, void *to)
{
	struct statistics *s = to;

	if (!strcmp(key, "Duration"))
		return json_take_number(cursor, &s->duration);
	if (!strcmp(key, "PacketSize"))
		return json_take_number(cursor, &s->packet_size);
	if (!strcmp(key, "Connections"))
		return json_take_number(cursor, &s->connections);
	if (!strcmp(key, "ConnStats"))
		return json_elements(cursor, connection_element, s);
	if (!strcmp(key, "Samples"))
		return json_elements(cursor, sample_element, s);
	return json_skip(cursor);
}

static char *read_file(const char *file)
{
	FILE *in = fopen(file, "r");
	char *text = NULL;
	size_t bytes = 0;

	if (!in)
		fail(EXIT_USAGE, "Cannot analyse '%s': %s.", file, strerror(errno));
	if (getdelim(&text, &bytes, 0, in) < 0) {
		text = reallocate(text, 1);
		*text = 0;
	}
	fclose(in);
	return text;
}

/* As Go prints a number: the fewest digits that mean it, and an exponent below 0.0001 and from 1e21 on. */
static const char *go_float(double value, char text[64])
{
	char digits[64];
	int fewest = 0, exponent;

	if (isnan(value))
		return "NaN";
	if (isinf(value))
		return value > 0 ? "+Inf" : "-Inf";
	do
		snprintf(digits, sizeof(digits), "%.*e", fewest, value);
	while (strtod(digits, NULL) != value && fewest++ < 17);
	exponent = atoi(strchr(digits, 'e') + 1);
	if (value != 0 && (exponent < -4 || exponent >= 21))
		snprintf(text, 64, "%s", digits);
	else
		snprintf(text, 64, "%.*f", fewest > exponent ? fewest - exponent : 0, value);
	return text;
}

/* Its numbers of packets have 32 bits. */
static uint32_t to_u32(double value)
{
	return value >= 0 && value <= UINT32_MAX ? (uint32_t)value : 0;
}

static double seconds(double ns)
{
	const double whole = trunc(ns / NS_PER_S);

	return whole + (ns - whole * NS_PER_S) / NS_PER_S;
}

/* KB/s received between two samples; the time is the middle of the two. */
static void throughput(const struct statistics *s)
{
	char middle[64], rate[64];

	if (!s->sample_count)
		fail(EXIT_USAGE, "The file holds no samples: write it with '-stats all'.");
	puts("Time Throughput");
	for (size_t i = 1; i < s->sample_count; i++) {
		const struct sample *last = &s->samples[i - 1], *next = &s->samples[i];
		const double ns = next->time - last->time;
		const uint32_t kilobytes =
			(to_u32(next->received) - to_u32(last->received)) * to_u32(s->packet_size) / 1024;

		printf("%s %s\n", go_float(seconds(last->time + trunc(ns / 2)), middle),
		       go_float(kilobytes / seconds(ns), rate));
	}
}

struct counts {
	unsigned active, fresh, failed, connecting;
};

static void count_connection(struct counts *counts, const struct connection *c, double begin, double end)
{
	if (c->ended < begin)
		return;
	if (c->ended < end) {
		counts->failed += c->failed;
		return;
	}
	if (c->started > end)
		return;
	counts->fresh += c->started > begin;
	if (c->connect == 0 || c->connect > end)
		counts->connecting++;
	else
		counts->active++;
}

/* By whole seconds before the end; the time is the middle of each. */
static void connections(const struct statistics *s)
{
	char middle[64];

	puts("Time Active New Failed Connecting");
	for (double end = NS_PER_S; end < s->duration && end < MOST_SECONDS * NS_PER_S; end += NS_PER_S) {
		struct counts counts = {0};

		for (size_t i = 0; i < s->n; i++)
			count_connection(&counts, &s->list[i], end - NS_PER_S, end);
		printf("%s %u %u %u %u\n", go_float(seconds(end - NS_PER_S / 2), middle), counts.active, counts.fresh,
		       counts.failed, counts.connecting);
	}
}

static int by_name(const void *a, const void *b)
{
	const struct connection *const *x = a, *const *y = b;

	return strcmp((*x)->host, (*y)->host);
}

/* Those that failed, or those that did not, by host. */
static void print_hosts(const char *title, const struct statistics *s, bool failed)
{
	const struct connection **list = allocate((s->n + 1) * sizeof(*list));
	size_t n = 0, same;

	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].failed == failed && *s->list[i].host)
			list[n++] = &s->list[i];
	qsort(list, n, sizeof(*list), by_name);
	printf("%s connections: %zu\n", title, n);
	for (size_t i = 0; i < n; i += same) {
		for (same = 1; i + same < n && !strcmp(list[i]->host, list[i + same]->host);)
			same++;
		printf("  %s %zu\n", list[i]->host, same);
	}
	release(list);
}

static void hosts(const struct statistics *s)
{
	print_hosts("Lost", s, true);
	print_hosts("Lasting", s, false);
}

int analyze(const char *analysis, const char *file)
{
	static const struct {
		const char *name;
		void (*print)(const struct statistics *s);
		bool of_connections;
	} analyses[] = {
		{"throughput", throughput, false}, {"hosts", hosts, true}, {"connections", connections, true}};
	struct statistics s = {0};
	size_t i = 0;

	while (i < COUNT_OF(analyses) && strcmp(analyses[i].name, analysis))
		i++;
	if (i == COUNT_OF(analyses))
		fail(EXIT_USAGE,
		     "Invalid value '%s' for -analyze: expected throughput, hosts or connections.", analysis);
	struct cursor cursor = {.at = read_file(file)};
	if (!json_members(&cursor, member, &s) || !json_at_end(&cursor))
		fail(EXIT_USAGE, "Cannot analyse '%s': it holds no statistics of ctraffic.", file);
	if (analyses[i].of_connections && !s.n && s.connections > 0)
		fail(EXIT_USAGE, "The file holds no connections: write it with '-stats all'.");
	analyses[i].print(&s);
	return EXIT_OK;
}
