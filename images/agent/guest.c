// SPDX-License-Identifier: Apache-2.0
#include "guest.h"
#include "box.h"
#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

enum { NS_PER_S = 1000000000, STEP_US = 2000, STEPS = 10000, PORTS = 32 };

void guest_leave(void)
{
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void fail(const char *what)
{
	fprintf(stderr, "Cannot %s: %s.\n", what, strerror(errno));
	guest_leave();
}

static void mount_devices(void)
{
	static const struct {
		const char *path, *type, *data;
	} mounts[] = {
		{"/proc", "proc", NULL},
		{"/sys", "sysfs", NULL},
		{"/dev", "devtmpfs", "mode=755"},
		{"/dev/pts", "devpts", "mode=620,ptmxmode=666"},
	};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		mkdir(mounts[i].path, 0755);
		if (mount(mounts[i].type, mounts[i].path, mounts[i].type, 0, mounts[i].data) < 0 &&
		    errno != EBUSY)
			fail(mounts[i].path);
	}
	mkdir("/dev/shm", 01777);
}

/* A kernel that has them built in needs no modprobe, and answers the same. */
static void drivers_load(void)
{
	char *const argv[] = {"modprobe", "-qa", "virtio_pci", "virtio_console", NULL};
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int port_open(const char *wanted)
{
	for (int i = 1; i < PORTS; i++) {
		char path[64], name[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/vport0p%d/name", i);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%63s", name) != 1)
			*name = 0;
		fclose(f);
		snprintf(path, sizeof(path), "/dev/vport0p%d", i);
		if (!strcmp(name, wanted))
			return open(path, O_RDWR | O_CLOEXEC);
	}
	return -1;
}

/* The port appears some time after its driver, and the harness' end of it later still. */
static int port_wait(const char *name)
{
	int fd = -1;

	for (int i = 0; i < STEPS; i++, usleep(STEP_US)) {
		struct pollfd p = {.events = POLLIN};

		if (fd < 0)
			fd = port_open(name);
		p.fd = fd;
		if (fd >= 0 && poll(&p, 1, 0) >= 0 && !(p.revents & POLLHUP))
			return fd;
	}
	errno = ENODEV;
	return -1;
}

/* Whatever else wants the processor: who is due is told at once. Programs that are started have no such privilege. */
static void priority_raise(void)
{
	struct sched_param first = {.sched_priority = 1};

	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first);
}

void guest_enter(const char *name)
{
	int port;

	mount_devices();
	if (!strcmp(name, GUEST_BOX)) {
		if (box_open() < 0)
			fail("find the box of shared memory");
		priority_raise();
		machines_prepare();
		return;
	}
	drivers_load();
	port = port_wait(name);
	if (port < 0)
		fail("find the virtio-serial port: CONFIG_VIRTIO_PCI and CONFIG_VIRTIO_CONSOLE are needed");
	if (dup2(port, STDIN_FILENO) < 0 || dup2(port, STDOUT_FILENO) < 0)
		fail("use the port");
	close(port);
	machines_prepare();
}

static int64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Children of the caller live in a time namespace of their own. */
static int clock_move(int64_t ns)
{
	int64_t s = ns / NS_PER_S, rest = ns % NS_PER_S;
	char text[64];
	int fd, rc;

	if (rest < 0) {
		rest += NS_PER_S;
		s--;
	}
	if (unshare(CLONE_NEWTIME) < 0)
		return -1;
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	snprintf(text, sizeof(text), "monotonic %lld %lld\n", (long long)s, (long long)rest);
	rc = write(fd, text, strlen(text)) < 0 ? -1 : 0;
	close(fd);
	return rc;
}

void clock_handle(uint32_t id, const char *payload, size_t length)
{
	int64_t ns = monotonic_ns();

	if (length == sizeof(ns)) {
		memcpy(&ns, payload, sizeof(ns));
		if (clock_move(ns) < 0) {
			frame_error(id, "Cannot set the guest's clock: %s. CONFIG_TIME_NS is needed.",
				    strerror(errno));
			return;
		}
	}
	frame_send(id, FRAME_DONE, &ns, sizeof(ns));
}
