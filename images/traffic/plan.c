// SPDX-License-Identifier: Apache-2.0
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/fail.h"
#include "packet/bytes.h"
#include "util/memory.h"

static uint64_t load_le64(const uint8_t *bytes)
{
	return load_le32(bytes) | (uint64_t)load_le32(bytes + 4) << 32;
}

const char *plan_take(struct planned *plan, const uint8_t *bytes, size_t size, uint32_t count)
{
	if (size != (size_t)count * PLANNED_BYTES)
		return "it must hold 16 bytes for each connection";
	for (uint32_t i = 0; i < count; i++) {
		plan[i].start_us = load_le64(bytes + (size_t)i * PLANNED_BYTES);
		plan[i].end_us = load_le64(bytes + (size_t)i * PLANNED_BYTES + 8);
		if (plan[i].end_us < plan[i].start_us)
			return "a connection ends before it begins";
		if (i && plan[i].start_us < plan[i - 1].start_us)
			return "connections must be in the order of their starts";
	}
	return NULL;
}

static size_t read_all(int fd, uint8_t *bytes, size_t size)
{
	size_t length = 0;
	ssize_t count;

	while (length < size && (count = read(fd, bytes + length, size - length)) != 0) {
		if (count < 0 && errno != EINTR)
			fail(EXIT_ENVIRONMENT, "Cannot read the plan: %s.", strerror(errno));
		length += count > 0 ? (size_t)count : 0;
	}
	return length;
}

/* At most so many bytes of a file, which the caller releases; "-" is stdin. */
static uint8_t *read_file(const char *path, size_t most, size_t *size)
{
	uint8_t *bytes = allocate(most);
	const int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;

	if (fd < 0)
		fail(EXIT_ENVIRONMENT, "Cannot open the plan '%s': %s.", path, strerror(errno));
	*size = read_all(fd, bytes, most);
	if (fd != STDIN_FILENO)
		close(fd);
	return bytes;
}

const struct planned *plan_read(const char *path, uint32_t count)
{
	struct planned *plan = allocate(count * sizeof(*plan));
	size_t size;
	/* One byte too many would show. */
	uint8_t *bytes = read_file(path, (size_t)count * PLANNED_BYTES + 1, &size);
	const char *wrong = plan_take(plan, bytes, size, count);

	if (wrong)
		fail(EXIT_USAGE, "The plan '%s' does not fit: %s.", path, wrong);
	release(bytes);
	return plan;
}

const uint64_t *numbers_read(const char *path, uint32_t count)
{
	uint64_t *numbers = allocate(count * sizeof(*numbers));
	size_t size;
	uint8_t *bytes = read_file(path, count * sizeof(*numbers) + 1, &size);

	if (size != count * sizeof(*numbers))
		fail(EXIT_USAGE, "The numbers in '%s' do not fit: they must be 8 bytes for each connection.",
		     path);
	for (uint32_t i = 0; i < count; i++)
		numbers[i] = load_le64(bytes + i * sizeof(*numbers));
	release(bytes);
	return numbers;
}

static int ascending(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint32_t plan_peak(const struct planned *plan, uint32_t count)
{
	uint64_t *ends = allocate(count * sizeof(*ends));
	uint32_t gone = 0, most = 0;

	for (uint32_t i = 0; i < count; i++)
		ends[i] = plan[i].end_us;
	qsort(ends, count, sizeof(*ends), ascending);
	for (uint32_t i = 0; i < count; i++) {
		while (ends[gone] < plan[i].start_us)
			gone++;
		if (i + 1 - gone > most)
			most = i + 1 - gone;
	}
	release(ends);
	return most;
}
