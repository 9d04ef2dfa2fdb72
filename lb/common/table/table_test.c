// SPDX-License-Identifier: Apache-2.0
/* The shared table in plain memory: configuration, publication, picks, and a writer that dies midway. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/check.h"
#include "table/table.h"

static struct table make(struct table_config config)
{
	const size_t size = table_size(&config);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct table table = {0};

	table_format(memory, &config);
	CHECK(table_view(&table, memory, size), "a formatted table is one");
	CHECK(!table_view(&table, memory, size - 1), "a cut table is none");
	return table;
}

static void release(const struct table *table)
{
	munmap(table->header, table_size(&table->config));
}

static void refuses_bad_configurations(void)
{
	static const struct table_config good = {.m = 997, .n = 32, .mask = 1};
	struct table_config c = good;
	const char *error;

	CHECK(!table_config_error(&c), "the defaults are good");
	c.m = 1000;
	error = table_config_error(&c);
	CHECK(error && strstr(error, "997 and 1009"), "names the nearest primes: %s", error);
	c = good, c.n = 1001;
	CHECK(table_config_error(&c), "too many targets");
	c = good, c.m = 16777259; /* a prime */
	CHECK(table_config_error(&c), "too many slots");
	c = good, c.m = 31;
	CHECK(table_config_error(&c), "fewer slots than targets");
	c.mode = TABLE_MODULO;
	CHECK(!table_config_error(&c), "modulo does not use M");
	c = good, c.mask = 0;
	CHECK(table_config_error(&c), "no mask");
	c = good, c.m = 2, c.n = 2;
	CHECK(!table_config_error(&c), "the smallest table");
}

static void picks_by_modulo(void)
{
	const struct table table =
		make((struct table_config){.m = 997, .n = 4, .mask = 1, .mode = TABLE_MODULO});
	const struct target targets[4] = {{10, 1}, {11, 0}, {12, 1}, {13, 1}};
	static const uint32_t expected[] = {0, 2, 3};
	struct table_publication done;
	struct table_pick pick;

	CHECK(!table_pick(&table, 1, &pick), "an empty table has no target");
	CHECK(table_publish(&table, targets, &done) && done.version == 1 && done.active == 3, "published");
	for (uint32_t hash = 0; hash < 30; hash++) {
		CHECK(table_pick(&table, hash, &pick), "hash %u has a target", hash);
		CHECK(pick.index == expected[hash % 3] && pick.fwmark == targets[pick.index].fwmark,
		      "hash %u", hash);
	}
	release(&table);
}

static void publishes_and_empties(void)
{
	const struct table table = make((struct table_config){.m = 7, .n = 3, .mask = 1});
	struct target targets[3] = {{10, 1}, {11, 1}, {12, 1}};
	struct table_publication done;
	struct table_pick pick;

	CHECK(table_publish(&table, targets, &done) && done.active == 3, "three targets");
	CHECK(table_pick(&table, 6, &pick) && pick.version == 1 && pick.slot == 6, "picks from version 1");
	memset(targets, 0, sizeof(targets));
	CHECK(table_publish(&table, targets, &done) && done.version == 2, "none");
	CHECK(!table_pick(&table, 6, &pick), "no target after all left");
	release(&table);
}

/* Killed at any moment, a writer leaves a whole table, and the next writer goes on from it. */
static void survives_killed_writers(void)
{
	const struct table table = make((struct table_config){.m = 997, .n = 10, .mask = 1});
	struct target targets[10] = {0};
	struct table_publication done;

	for (int round = 0; round < 100; round++) {
		const pid_t writer = fork();
		struct table_pick pick;

		if (writer == 0) {
			for (uint32_t v = 0;; v++) {
				for (uint32_t i = 0; i < 10; i++)
					targets[i] = (struct target){v * 10 + i + 1, 1};
				table_publish(&table, targets, &done);
			}
		}
		usleep(500 + round * 10);
		kill(writer, SIGKILL);
		waitpid(writer, NULL, 0);
		for (uint32_t hash = 0; hash < 997 && table_pick(&table, hash, &pick); hash++) {
			const uint32_t first = table_current(&table)->targets[0].fwmark;

			if (pick.fwmark != first + pick.index) {
				CHECK(false, "slot %u has the mark %u, the table begins at %u", hash,
				      pick.fwmark, first);
				break;
			}
		}
	}
	CHECK(table_current(&table)->version > 0, "something was published");
	CHECK(table_publish(&table, targets, &done), "the next writer goes on");
	release(&table);
}

int main(void)
{
	refuses_bad_configurations();
	picks_by_modulo();
	publishes_and_empties();
	survives_killed_writers();
	return check_report("table");
}
