// SPDX-License-Identifier: Apache-2.0
#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long read_number(const char *path, long missing)
{
	FILE *f = fopen(path, "re");
	long value = missing;

	if (f && fscanf(f, "%ld", &value) != 1)
		value = missing;
	if (f)
		fclose(f);
	return value;
}

void user_refused(const char *what)
{
	const char *remedy = "Run as root.";

	if (read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) == 1)
		remedy = "AppArmor restricts unprivileged user namespaces here (the default since Ubuntu "
			 "23.10): "
			 "run 'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0', or run as root.";
	else if (read_number("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0)
		remedy = "Unprivileged user namespaces are off: "
			 "run 'sudo sysctl kernel.unprivileged_userns_clone=1', or run as root.";
	else if (read_number("/proc/sys/user/max_user_namespaces", 1) == 0)
		remedy = "User namespaces are off: run 'sudo sysctl user.max_user_namespaces=10000', or run "
			 "as root.";
	fprintf(stderr, "Cannot %s as an ordinary user: %s. %s\n", what, strerror(errno), remedy);
	exit(1);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		user_refused("map the user");
	close(fd);
}

void user_map(uid_t uid, gid_t gid)
{
	char map[64];

	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	write_file("/proc/self/gid_map", map);
}
