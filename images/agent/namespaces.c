// SPDX-License-Identifier: Apache-2.0
#include "namespaces.h"
#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NS_MNT, NS_UTS, NS_NET, NS_COUNT };
static const char *const ns_name[NS_COUNT] = {"mnt", "uts", "net"};

struct machine {
	struct machine *next;
	int fd[NS_COUNT];
	char name[];
};
static struct machine *machines;

static void die(const char *what)
{
	fprintf(stderr, "Cannot %s: %s.\n", what, strerror(errno));
	exit(1);
}

/* What each machine must not share with the others: sockets and locks in /run, shared memory, and the view of
 * devices. */
static int mount_private(void)
{
	if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=64m") < 0 ||
	    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=50%") < 0)
		return -1;
	mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
	      NULL); /* refused in some containers */
	return 0;
}

static void mounts_make(bool rootless)
{
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ||
	    mount_private() < 0) {
		if (rootless)
			user_refused("mount the sandbox's file systems");
		die("mount the sandbox's file systems");
	}
	if (mkdir("/run/netns", 0755) < 0)
		die("make /run/netns");
}

static void name_fabric(void)
{
	if (sethostname("fabric", 6) < 0)
		die("name the sandbox");
}

void machines_prepare(void)
{
	mounts_make(false);
	name_fabric();
}

void sandbox_enter(bool rootless)
{
	int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC;
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int status;
	pid_t child;

	if (unshare(flags | (rootless ? CLONE_NEWUSER : 0)) < 0) {
		if (rootless)
			user_refused("make namespaces");
		die("make namespaces");
	}
	if (rootless)
		user_map(uid, gid);
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		/* The parent cannot be gone unseen: its pipe to the harness would be closed and the first
		 * read ends. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		mounts_make(rootless);
		name_fabric();
		return;
	}
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			exit(1);
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* Runs in a child that only lives until the agent holds its namespaces. */
static void machine_child(const char *name, int ready, int hold)
{
	char byte = 0;

	if (unshare(CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWNS) < 0 || sethostname(name, strlen(name)) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount_private() < 0)
		byte = (char)errno;
	if (write(ready, &byte, 1) == 1)
		(void)!read(hold, &byte, 1);
	_exit(0);
}

/* Keeps errno, so that it can end any failure. */
static void machine_free(struct machine *m)
{
	int error = errno;

	for (int i = 0; i < NS_COUNT; i++)
		if (m->fd[i] >= 0)
			close(m->fd[i]);
	free(m);
	errno = error;
}

static void pair_close(const int pair[2])
{
	int error = errno;

	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
	errno = error;
}

/* On failure what m holds is left to machine_free(). */
static int machine_open(struct machine *m, pid_t pid)
{
	char path[64], bind[128];
	int fd, error;

	for (int i = 0; i < NS_COUNT; i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, ns_name[i]);
		m->fd[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (m->fd[i] < 0)
			return -1;
	}
	snprintf(bind, sizeof(bind), "/run/netns/%s", m->name);
	fd = open(bind, O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0444);
	if (fd < 0)
		return -1;
	close(fd);
	if (mount(path, bind, NULL, MS_BIND, NULL) == 0)
		return 0;
	error = errno;
	unlink(bind);
	errno = error;
	return -1;
}

static struct machine *machine_find(const char *name)
{
	for (struct machine *m = machines; m; m = m->next)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

int machine_make(const char *name)
{
	struct machine *m;
	int ready[2], hold[2], rc = -1;
	char byte = EIO;
	pid_t pid;

	if (!*name || strlen(name) > 32 || strchr(name, '/') || machine_find(name)) {
		errno = machine_find(name) ? EEXIST : EINVAL;
		return -1;
	}
	m = calloc(1, sizeof(*m) + strlen(name) + 1);
	if (!m)
		return -1;
	for (int i = 0; i < NS_COUNT; i++)
		m->fd[i] = -1;
	if (pipe2(ready, O_CLOEXEC) < 0) {
		machine_free(m);
		return -1;
	}
	if (pipe2(hold, O_CLOEXEC) < 0) {
		pair_close(ready);
		machine_free(m);
		return -1;
	}
	memcpy(m->name, name, strlen(name) + 1);
	pid = fork();
	if (pid < 0) {
		pair_close(ready);
		pair_close(hold);
		machine_free(m);
		return -1;
	}
	if (pid == 0) {
		close(hold[1]); /* else the child would keep itself waiting */
		machine_child(name, ready[1], hold[0]);
	}
	close(ready[1]);
	ready[1] = -1;
	if (read(ready[0], &byte, 1) == 1 && byte == 0)
		rc = machine_open(m, pid);
	else
		errno = byte;
	pair_close(ready);
	pair_close(hold); /* lets the child go; the namespaces live on by our descriptors */
	if (rc < 0) {
		machine_free(m);
		return -1;
	}
	m->next = machines;
	machines = m;
	return 0;
}

/* The network only: a fabric wires machines of other containers with tools of its own. */
static int network_enter(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? -1 : setns(fd, CLONE_NEWNET);

	if (fd >= 0)
		close(fd);
	return rc;
}

int machine_enter(const char *name)
{
	struct machine *m = *name ? machine_find(name) : NULL;

	if (!*name)
		return 0;
	if (*name == '/')
		return network_enter(name);
	if (!m) {
		errno = ENODEV;
		return -1;
	}
	for (int i = 0; i < NS_COUNT; i++)
		if (setns(m->fd[i], 0) < 0)
			return -1;
	return 0;
}
