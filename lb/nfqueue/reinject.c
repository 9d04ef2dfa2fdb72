// SPDX-License-Identifier: Apache-2.0
#include "reinject.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/options.h"

static void set_up(const char *name)
{
	struct ifreq request = {0};
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool done;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	done = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0;
	request.ifr_flags |= IFF_UP | IFF_NOARP;
	if (!done || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		fail(EXIT_ERROR, "Cannot set up the device '%s': %s.", name, strerror(errno));
	close(fd);
}

int reinject_open(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (*name == '\0' || strlen(name) >= sizeof(request.ifr_name))
		fail(EXIT_USAGE, "'%s' can't name a device: use 1 to %zu characters.", name,
		     sizeof(request.ifr_name) - 1);
	if (fd < 0)
		fail(EXIT_ERROR, "Cannot open /dev/net/tun: %s. Fragments need it.", strerror(errno));
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		fail(EXIT_ERROR, "Cannot make the device '%s': %s.", name, strerror(errno));
	set_up(name);
	return fd;
}

bool reinject(int fd, const uint8_t *packet, uint32_t size)
{
	ssize_t written;

	do
		written = write(fd, packet, size);
	while (written < 0 && errno == EINTR);
	return written == (ssize_t)size;
}

void reinject_drain(int fd)
{
	uint8_t packet[2048];

	while (read(fd, packet, sizeof(packet)) > 0)
		;
}
