// SPDX-License-Identifier: Apache-2.0
#include "builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "netlink_programs.h"

static int failed(const char *verb, const char *path)
{
	fprintf(stderr, "Cannot %s '%s': %s.\n", verb, path, strerror(errno));
	return 1;
}

static int copy(int from, int to)
{
	char data[65536];
	ssize_t n;

	while ((n = read(from, data, sizeof(data))) > 0)
		for (ssize_t done = 0, w; done < n; done += w)
			if ((w = write(to, data + done, (size_t)(n - done))) < 0)
				return -1;
	return (int)n;
}

static int builtin_read(char *const paths[])
{
	for (int i = 0; paths[i]; i++) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC);

		if (paths[1])
			dprintf(STDOUT_FILENO, "==> %s <==\n", paths[i]);
		if (fd < 0 || copy(fd, STDOUT_FILENO) < 0)
			return failed("read", paths[i]);
		close(fd);
	}
	return 0;
}

static int builtin_write(char *const argv[])
{
	mode_t mode = argv[1] ? (mode_t)strtoul(argv[1], NULL, 8) : 0644;
	int fd = argv[0] ? open(argv[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode) : -1;

	if (fd < 0 || copy(STDIN_FILENO, fd) < 0 || close(fd) < 0)
		return failed("write", argv[0] ? argv[0] : "");
	return 0;
}

static int sysctl_set(char *line)
{
	char path[256], *value = strchr(line, '=');
	int optional = *line == '?', fd;

	if (!value)
		return 1;
	*value++ = 0;
	snprintf(path, sizeof(path), "/proc/sys/%s", line + optional);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && optional)
		return 0;
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return failed("set", path);
	close(fd);
	return 0;
}

static int builtin_sysctl(void)
{
	char *line = NULL;
	size_t size = 0;
	int rc = 0;

	while (getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (*line)
			rc |= sysctl_set(line);
	}
	free(line);
	return rc;
}

/* Prints what comes until so many NULs have come, or until the other end closes. 0, or -1 with errno. */
static int copy_answer(int fd, unsigned long nuls)
{
	char data[65536];
	ssize_t n = 0;

	while (nuls > 0 && (n = read(fd, data, sizeof(data))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			nuls -= nuls > 0 && !data[i];
		if (write(STDOUT_FILENO, data, (size_t)n) != n)
			return -1;
	}
	return n < 0 ? -1 : 0;
}

/*
 * Sends what stdin has and prints the answer, until the other end closes. It is told that no more comes at
 * once, or after so many NULs: FRR's daemons end their answer when they hear of it, after 64 KiB of a longer one.
 * 0, or -1 with errno.
 */
static int converse(const struct sockaddr *address, socklen_t length, const char *nuls)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 || connect(fd, address, length) || copy(STDIN_FILENO, fd) ||
	       copy_answer(fd, nuls ? strtoul(nuls, NULL, 10) : 0) || shutdown(fd, SHUT_WR) ||
	       copy(fd, STDOUT_FILENO) ? -1 : 0;
}

static int builtin_unix(const char *path, const char *nuls)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = path ? strlen(path) : 0;

	errno = EINVAL;
	if (!length || length >= sizeof(address.sun_path))
		return failed("talk to", path ? path : "");
	memcpy(address.sun_path, path, length);
	return converse((struct sockaddr *)&address, sizeof(address), nuls) ? failed("talk to", path) : 0;
}

/* A TCP port of the machine itself. */
static int builtin_tcp(const char *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)(port ? strtoul(port, NULL, 10) : 0));
	return converse((struct sockaddr *)&address, sizeof(address), NULL) ? failed("talk to port", port ? port : "") : 0;
}

/* The inode by which the kernel knows this machine's network namespace. */
static int builtin_netns(void)
{
	struct stat ns;

	if (stat("/proc/self/ns/net", &ns))
		return failed("look up", "/proc/self/ns/net");
	printf("%lu\n", (unsigned long)ns.st_ino);
	return fflush(stdout);
}

int builtin_run(char *const argv[])
{
	if (!strcmp(argv[0], "@read"))
		return builtin_read(argv + 1);
	if (!strcmp(argv[0], "@write"))
		return builtin_write(argv + 1);
	if (!strcmp(argv[0], "@sysctl"))
		return builtin_sysctl();
	if (!strcmp(argv[0], "@unix"))
		return builtin_unix(argv[1], argv[1] ? argv[2] : NULL);
	if (!strcmp(argv[0], "@tcp"))
		return builtin_tcp(argv[1]);
	if (!strcmp(argv[0], "@netns"))
		return builtin_netns();
	if (!strcmp(argv[0], "@nexthop-group"))
		return nexthop_groups();
	if (!strcmp(argv[0], "@conntrack-forget"))
		return conntrack_forget(argv + 1);
	fprintf(stderr, "Cannot run '%s': the agent has no such program.\n", argv[0]);
	return 127;
}
