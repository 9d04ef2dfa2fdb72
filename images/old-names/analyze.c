// SPDX-License-Identifier: Apache-2.0
#include "analyze.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/options.h"
#include "read_json.h"
#include "util/memory.h"

#define NS_PER_S 1e9
#define MOST_SECONDS 100000
#define MOST_COLUMNS 5
#define CELL_BYTES 72

struct connection {
	double connect, ended;
	bool failed;
	char host[64];
};

struct sample {
	double time, sent, received, dropped;
};

struct statistics {
	double duration, connections;
	struct connection *list;
	struct sample *samples;
	size_t n, sample_count;
};

typedef char row[MOST_COLUMNS][CELL_BYTES];

struct table {
	const char *const *names;
	size_t columns, n;
	row *rows;
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
	double *number = !strcmp(key, "Time")	    ? &sample->time
			 : !strcmp(key, "Sent")	    ? &sample->sent
			 : !strcmp(key, "Received") ? &sample->received
			 : !strcmp(key, "Dropped")  ? &sample->dropped
						    : NULL;

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

/* To a tenth, and none of it where it is 0. */
static void put(char *cell, double value)
{
	snprintf(cell, CELL_BYTES, "%.1f", floor(value * 10 + 0.5) / 10);
	char *point = strstr(cell, ".0");
	if (point)
		*point = 0;
}

static row *add_row(struct table *table)
{
	table->rows = with_room(table->rows, table->n, sizeof(*table->rows));
	memset(&table->rows[table->n], 0, sizeof(*table->rows));
	return &table->rows[table->n++];
}

static void print(const struct table *table)
{
	size_t widths[MOST_COLUMNS] = {0};

	for (size_t k = 0; k < table->columns; k++) {
		widths[k] = strlen(table->names[k]);
		for (size_t i = 0; i < table->n; i++)
			if (strlen(table->rows[i][k]) > widths[k])
				widths[k] = strlen(table->rows[i][k]);
	}
	for (size_t i = 0; i <= table->n; i++)
		for (size_t k = 0; k < table->columns; k++) {
			const char *cell = i ? table->rows[i - 1][k] : table->names[k];

			if (k + 1 == table->columns)
				printf("%s\n", cell);
			else
				printf("%-*s ", (int)widths[k], cell);
		}
}

static void throughput(const struct statistics *s)
{
	static const char *const names[] = {"time", "sent", "received", "dropped"};
	struct table table = {.names = names, .columns = COUNT_OF(names)};
	struct sample last = {0};

	if (!s->sample_count)
		fail(EXIT_USAGE, "The file holds no samples: write it with '-stats all'.");
	for (size_t i = 0; i < s->sample_count; i++) {
		const struct sample *next = &s->samples[i];

		if (next->time <= 0 || (i + 1 < s->sample_count && next[1].time == next->time))
			continue;
		const double seconds = (next->time - last.time) / NS_PER_S;
		row *cells = add_row(&table);
		put((*cells)[0], (next->time + last.time) / 2 / NS_PER_S);
		put((*cells)[1], (next->sent - last.sent) / seconds);
		put((*cells)[2], (next->received - last.received) / seconds);
		put((*cells)[3], (next->dropped - last.dropped) / seconds);
		last = *next;
	}
	print(&table);
}

/* An event on the boundary belongs to the second that it ends. */
static size_t second_of(double ns, size_t n)
{
	const double second = ceil(ns / NS_PER_S) - 1;

	return second < 0 ? 0 : second >= (double)n ? n - 1 : (size_t)second;
}

static void connections(const struct statistics *s)
{
	static const char *const names[] = {"time", "alive", "new", "lost", "failed"};
	struct table table = {.names = names, .columns = COUNT_OF(names)};
	const double seconds = ceil(s->duration / NS_PER_S);
	const size_t n = seconds > MOST_SECONDS ? MOST_SECONDS : seconds < 1 ? 1 : (size_t)seconds;
	size_t(*counts)[3] = allocate(n * sizeof(*counts)), alive = 0;

	memset(counts, 0, n * sizeof(*counts));
	for (size_t i = 0; i < s->n; i++) {
		const struct connection *c = &s->list[i];

		if (c->connect != 0)
			counts[second_of(c->connect, n)][0]++;
		if (c->failed)
			counts[second_of(c->ended, n)][c->connect != 0 ? 1 : 2]++;
	}
	for (size_t i = 0; i < n; i++) {
		row *cells = add_row(&table);

		alive += counts[i][0] - counts[i][1];
		put((*cells)[0], (double)i + 1);
		put((*cells)[1], (double)alive);
		for (size_t k = 0; k < 3; k++)
			put((*cells)[2 + k], (double)counts[i][k]);
	}
	print(&table);
}

struct host {
	const char *name;
	size_t lost, lasting;
};

static int by_name(const void *a, const void *b)
{
	return strverscmp(((const struct host *)a)->name, ((const struct host *)b)->name);
}

static void hosts(const struct statistics *s)
{
	static const char *const names[] = {"host", "lost", "lasting"};
	struct table table = {.names = names, .columns = COUNT_OF(names)};
	struct host *list = NULL;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const char *name = *s->list[i].host ? s->list[i].host : "(unknown)";
		size_t k = 0;

		if (s->list[i].connect == 0)
			continue;
		while (k < n && strcmp(list[k].name, name))
			k++;
		if (k == n) {
			list = with_room(list, n, sizeof(*list));
			list[n++] = (struct host){.name = name};
		}
		*(s->list[i].failed ? &list[k].lost : &list[k].lasting) += 1;
	}
	if (n)
		qsort(list, n, sizeof(*list), by_name);
	for (size_t k = 0; k < n; k++) {
		row *cells = add_row(&table);

		snprintf((*cells)[0], CELL_BYTES, "%s", list[k].name);
		put((*cells)[1], (double)list[k].lost);
		put((*cells)[2], (double)list[k].lasting);
	}
	print(&table);
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
