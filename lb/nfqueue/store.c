// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/options.h"
#include "counters.h"

#define DIRECTORY "/dev/shm/"
#define NAME_MAX_LENGTH 200

/* Locks of the open file, not of the process: they vanish with their holder, however it ends. */
enum lock_byte { LOCK_WRITER, LOCK_BALANCER };

struct path {
	char text[sizeof(DIRECTORY) + NAME_MAX_LENGTH];
};

/* Names appear in paths and in JSON, so only plain characters are taken. */
static struct path path_of(const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	const size_t length = strlen(name);
	struct path path;

	if (length == 0 || length > NAME_MAX_LENGTH || name[strspn(name, plain)] || name[0] == '.')
		fail(EXIT_USAGE,
		     "'%s' can't name a table: use up to %d letters, digits, '_', '-' and '.', not '.' "
		     "first.",
		     name, NAME_MAX_LENGTH);
	snprintf(path.text, sizeof(path.text), DIRECTORY "%s", name);
	return path;
}

static bool lock(int fd, int command, short type, enum lock_byte byte)
{
	struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
	int result;

	do
		result = fcntl(fd, command, &range);
	while (result < 0 && errno == EINTR);
	return result == 0;
}

/* Fails when a balancer runs on the table of that name: it would go on with a table that nobody can reach. */
static void refuse_if_claimed(const char *name, const struct path *path)
{
	const int fd = open(path->text, O_RDWR | O_CLOEXEC);

	if (fd >= 0 && !lock(fd, F_OFD_SETLK, F_WRLCK, LOCK_BALANCER))
		fail(EXIT_ERROR,
		     "Cannot replace or delete the table '%s': a balancer runs on it. Stop it first.", name);
	if (fd >= 0)
		close(fd);
}

/* Allocates now: a full /dev/shm must be an error here, not a SIGBUS at the first write. */
static void fill_file(int fd, const char *name, const char *temporary, const struct table_config *config)
{
	const size_t size = table_size(config) + counters_size(config->n);
	void *memory = MAP_FAILED;
	int error = posix_fallocate(fd, 0, (off_t)size);

	if (!error) {
		memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		error = memory == MAP_FAILED ? errno : 0;
	}
	if (error) {
		unlink(temporary);
		fail(EXIT_ERROR, "Cannot create the table '%s' of %zu bytes in " DIRECTORY ": %s.", name,
		     size, strerror(error));
	}
	table_format(memory, config);
	munmap(memory, size);
}

void store_create(const char *name, const struct table_config *config, bool force)
{
	const struct path path = path_of(name);
	char temporary[sizeof(path.text) + 32];
	int fd, error = 0;

	/* Made under another name first, so that nobody ever opens an unfinished table. */
	snprintf(temporary, sizeof(temporary), "%s.new-%d", path.text, (int)getpid());
	if (force)
		refuse_if_claimed(name, &path);
	fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		fail(EXIT_ERROR, "Cannot create the table '%s': %s.", name, strerror(errno));
	fill_file(fd, name, temporary, config);
	close(fd);
	if (force ? rename(temporary, path.text) : link(temporary, path.text))
		error = errno;
	unlink(temporary);
	if (error == EEXIST)
		fail(EXIT_ERROR, "The table '%s' exists already. Use --force to replace it.", name);
	if (error)
		fail(EXIT_ERROR, "Cannot create the table '%s': %s.", name, strerror(error));
}

/* Whether the file holds a table with its counters. */
static bool is_store(struct table *table, void *memory, size_t size)
{
	return table_view(table, memory, size) && table->rest_size == counters_size(table->config.n);
}

void store_check_name(const char *name)
{
	path_of(name);
}

void store_close(const struct table *table)
{
	munmap(table->header, table_size(&table->config) + table->rest_size);
	close(table->fd);
}

bool store_try_open(const char *name, struct table *table)
{
	const struct path path = path_of(name);
	const int fd = open(path.text, O_RDONLY | O_CLOEXEC);
	struct stat status;
	void *memory;

	if (fd < 0)
		return false;
	if (fstat(fd, &status) == 0) {
		memory = mmap(NULL, status.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (memory != MAP_FAILED && is_store(table, memory, status.st_size)) {
			table->fd = fd;
			return true;
		}
		if (memory != MAP_FAILED)
			munmap(memory, status.st_size);
	}
	close(fd);
	return false;
}

bool store_is_current(const char *name, const struct table *table)
{
	const struct path path = path_of(name);
	struct stat file, opened;

	return stat(path.text, &file) == 0 && fstat(table->fd, &opened) == 0 &&
	       file.st_ino == opened.st_ino && file.st_dev == opened.st_dev;
}

bool store_is_claimed(const struct table *table)
{
	struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_BALANCER, .l_len = 1};

	return fcntl(table->fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

void store_open(const char *name, bool writable, struct table *table)
{
	const struct path path = path_of(name);
	const int fd = open(path.text, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	struct stat status;
	void *memory;

	if (fd < 0 && errno == ENOENT)
		fail(EXIT_ERROR,
		     "Cannot open the table '%s': it does not exist. Run 'nfqueue-lb init' first.", name);
	if (fd < 0 || fstat(fd, &status) < 0)
		fail(EXIT_ERROR, "Cannot open the table '%s': %s.", name, strerror(errno));
	memory = mmap(NULL, status.st_size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	/* An empty file can't be mapped, and is no table either. */
	if (memory == MAP_FAILED || !is_store(table, memory, status.st_size))
		fail(EXIT_ERROR, "'" DIRECTORY "%s' is not a table of this version of nfqueue-lb.", name);
	table->fd = fd;
}

void store_lock(const struct table *table)
{
	if (!lock(table->fd, F_OFD_SETLKW, F_WRLCK, LOCK_WRITER))
		fail(EXIT_ERROR, "Cannot lock the table: %s.", strerror(errno));
}

void store_claim(const char *name, const struct table *table)
{
	if (!lock(table->fd, F_OFD_SETLK, F_WRLCK, LOCK_BALANCER))
		fail(EXIT_ERROR, "Another balancer runs on the table '%s' already.", name);
}

void store_delete(const char *name)
{
	const struct path path = path_of(name);

	refuse_if_claimed(name, &path);
	if (unlink(path.text) == 0)
		return;
	if (errno == ENOENT)
		fail(EXIT_ERROR, "Cannot delete the table '%s': it does not exist.", name);
	fail(EXIT_ERROR, "Cannot delete the table '%s': %s.", name, strerror(errno));
}
