// SPDX-License-Identifier: Apache-2.0
#include "flows.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/clock.h"
#include "cli/options.h"
#include "store.h"

#define MAGIC 0x6e66716c66000002ull /* "nfqlf", 0, then the layout's number */
#define IN_FORCE_NS 5000000000ull

struct path {
	char text[320];
};

static struct path path_of(const char *name, const char *suffix)
{
	struct path path;

	store_check_name(name);
	snprintf(path.text, sizeof(path.text), "/dev/shm/%s%s", name, suffix);
	return path;
}

static long futex(_Atomic uint32_t *word, int operation, uint32_t value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

/* Made under another name first, so that nobody ever opens an unfinished one. */
static void create(const struct path *path)
{
	const uint64_t magic = MAGIC;
	char temporary[sizeof(path->text) + 32];
	int fd, error;

	snprintf(temporary, sizeof(temporary), "%s.new-%d", path->text, (int)getpid());
	fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	/* Rows get memory when there are workers for them. */
	error = fd < 0 ? errno : posix_fallocate(fd, 0, offsetof(struct flows_shared, packets));
	if (!error && (ftruncate(fd, sizeof(struct flows_shared)) < 0 ||
		       pwrite(fd, &magic, sizeof(magic), 0) != sizeof(magic)))
		error = errno;
	if (!error && link(temporary, path->text) < 0 && errno != EEXIST)
		error = errno;
	unlink(temporary);
	if (error)
		fail(EXIT_ERROR, "Cannot create '%s': %s.", path->text, strerror(error));
	close(fd);
}

struct flows_shared *flows_open(const char *name)
{
	const struct path path = path_of(name, ".flows");
	struct flows_shared *shared;
	struct stat status;
	int fd = open(path.text, O_RDWR | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		create(&path);
		fd = open(path.text, O_RDWR | O_CLOEXEC);
	}
	if (fd < 0 || fstat(fd, &status) < 0)
		fail(EXIT_ERROR, "Cannot open '%s': %s.", path.text, strerror(errno));
	if (status.st_size != sizeof(*shared))
		fail(EXIT_ERROR, "'%s' is not of this version of nfqueue-lb.", path.text);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED || shared->magic != MAGIC)
		fail(EXIT_ERROR, "'%s' is not of this version of nfqueue-lb.", path.text);
	close(fd);
	return shared;
}

int flows_reserve(const char *name, struct flows_shared *shared, uint32_t rows)
{
	const struct path path = path_of(name, ".flows");
	const int fd = open(path.text, O_RDWR | O_CLOEXEC);
	const int error = fd < 0 ? errno
				 : posix_fallocate(fd, offsetof(struct flows_shared, packets),
						   (off_t)(rows * sizeof(shared->packets[0])));

	if (!error && atomic_load(&shared->rows) < rows)
		atomic_store(&shared->rows, rows);
	if (fd >= 0)
		close(fd);
	return error;
}

uint64_t flows_packets(const struct flows_shared *shared, uint32_t slot)
{
	uint64_t sum = 0;

	for (uint32_t row = 0; row < atomic_load(&shared->rows); row++)
		sum += atomic_load(&shared->packets[row][slot]);
	return sum;
}

void flows_forget_packets(struct flows_shared *shared, uint32_t slot)
{
	for (uint32_t row = 0; row < atomic_load(&shared->rows); row++)
		atomic_store(&shared->packets[row][slot], 0);
}

static bool read_rules(int fd, struct flow_list *list, uint32_t *version)
{
	uint32_t head[2];
	struct stat status;
	size_t size, done = 0;

	if (fstat(fd, &status) < 0 || read(fd, head, sizeof(head)) != sizeof(head))
		return false;
	*version = head[0];
	list->n = head[1];
	size = list->n * sizeof(*list->flows);
	errno = EPROTO;
	if (list->n > FLOWSET_MAX || (size_t)status.st_size != sizeof(head) + size)
		return false;
	list->flows = malloc(size + 1);
	while (list->flows && done < size) {
		const ssize_t got = read(fd, (uint8_t *)list->flows + done, size - done);

		if (got <= 0)
			return false;
		done += got;
	}
	return list->flows;
}

bool flows_load(const char *name, const struct flows_shared *shared, struct flow_list *list,
		uint32_t *version)
{
	const struct path path = path_of(name, ".flows.rules");
	const int fd = open(path.text, O_RDONLY | O_CLOEXEC);
	bool done;

	*list = (struct flow_list){0};
	*version = atomic_load(&shared->published);
	if (fd < 0)
		return errno == ENOENT;
	done = read_rules(fd, list, version);
	if (!done)
		free(list->flows);
	close(fd);
	return done;
}

static int write_rules(int fd, const struct flow_list *list, uint32_t version)
{
	const uint32_t head[2] = {version, list->n};
	const size_t size = list->n * sizeof(*list->flows);
	size_t done = 0;

	if (write(fd, head, sizeof(head)) != sizeof(head))
		return errno;
	while (done < size) {
		const ssize_t put = write(fd, (const uint8_t *)list->flows + done, size - done);

		if (put < 0)
			return errno;
		done += put;
	}
	return 0;
}

static bool wait_in_force(struct flows_shared *shared, uint32_t version)
{
	const uint64_t deadline = clock_ns() + IN_FORCE_NS;
	const struct timespec step = {.tv_nsec = 100000000};
	uint32_t seen;

	while ((seen = atomic_load(&shared->in_force)) != version && clock_ns() < deadline)
		futex(&shared->in_force, FUTEX_WAIT, seen, &step);
	return seen == version;
}

bool flows_publish(const char *name, struct flows_shared *shared, const struct flow_list *list, bool runs,
		   uint32_t *version)
{
	const struct path path = path_of(name, ".flows.rules");
	char temporary[sizeof(path.text) + 32];
	int fd, error;

	*version = atomic_load(&shared->published) + 1;
	snprintf(temporary, sizeof(temporary), "%s.new-%d", path.text, (int)getpid());
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	error = fd < 0 ? errno : write_rules(fd, list, *version);
	if (!error && rename(temporary, path.text) < 0)
		error = errno;
	if (error) {
		unlink(temporary);
		fail(EXIT_ERROR, "Cannot write '%s': %s.", path.text, strerror(error));
	}
	close(fd);
	atomic_store(&shared->published, *version);
	flows_wake(shared);
	return runs && wait_in_force(shared, *version);
}

void flows_wait(struct flows_shared *shared, uint32_t version)
{
	futex(&shared->published, FUTEX_WAIT, version, NULL);
}

void flows_wake(struct flows_shared *shared)
{
	futex(&shared->published, FUTEX_WAKE, INT_MAX, NULL);
}

void flows_set_in_force(struct flows_shared *shared, uint32_t version)
{
	atomic_store(&shared->in_force, version);
	futex(&shared->in_force, FUTEX_WAKE, INT_MAX, NULL);
}

void flows_delete(const char *name)
{
	static const char *const suffixes[] = {".flows", ".flows.rules"};

	for (int i = 0; i < 2; i++) {
		const struct path path = path_of(name, suffixes[i]);

		unlink(path.text);
	}
}
