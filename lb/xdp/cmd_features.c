// SPDX-License-Identifier: Apache-2.0
/*
 * `xdp-lb features`: what interfaces must be, or must not be, for frames to pass an XDP program whole. The
 * lab sets it on the interfaces of its own namespaces; on others it is the user's to decide.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "commands.h"

static const char *device;

static void ask(int fd, void *request, const char *what)
{
	struct ifreq frame = {.ifr_data = request};

	snprintf(frame.ifr_name, sizeof(frame.ifr_name), "%s", device);
	if (ioctl(fd, SIOCETHTOOL, &frame) < 0)
		fail(EXIT_ERROR, "Cannot set %s of '%s': %s.", what, device, strerror(errno));
}

/* "on", "off" or NULL for: as it is. */
static void toggle(int fd, const char *word, uint32_t command, const char *what)
{
	struct ethtool_value value = {.cmd = command};

	if (!word)
		return;
	if (strcmp(word, "on") != 0 && strcmp(word, "off") != 0)
		fail(EXIT_USAGE, "%s must be on or off, not '%s'.", what, word);
	value.data = strcmp(word, "on") == 0;
	ask(fd, &value, what);
}

int command_features(const struct command *command, int argc, char **argv)
{
	const char *checksum = NULL, *segmentation = NULL, *gro = NULL;
	uint32_t queues = 0;
	const struct option_spec specs[] = {
		{"dev", 0, "NAME", "the interface", .text = &device},
		{"tx-checksum", 0, "on|off", "checksums by the device", .text = &checksum},
		{"tso", 0, "on|off", "TCP segmentation by the device", .text = &segmentation},
		{"gro", 0, "on|off", "generic receive offload", .text = &gro},
		{"queues", 0, "N", "receive and send queues", .number = &queues, .min = 1, .max = 64},
	};
	int fd;

	parse_options(command, argc, argv, specs, 5, 0);
	if (!device)
		fail(EXIT_USAGE, "--dev is missing. Try 'xdp-lb features --help'.");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail(EXIT_ERROR, "Cannot open a socket: %s.", strerror(errno));
	toggle(fd, segmentation, ETHTOOL_STSO, "--tso");
	toggle(fd, checksum, ETHTOOL_STXCSUM, "--tx-checksum");
	toggle(fd, gro, ETHTOOL_SGRO, "--gro");
	if (queues) {
		struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};

		ask(fd, &channels, "--queues");
		if (queues > channels.max_rx || queues > channels.max_tx)
			fail(EXIT_ERROR, "'%s' can have %u queues, not %u.", device,
			     channels.max_rx < channels.max_tx ? channels.max_rx : channels.max_tx, queues);
		channels.cmd = ETHTOOL_SCHANNELS;
		channels.rx_count = channels.tx_count = queues;
		ask(fd, &channels, "--queues");
	}
	close(fd);
	return EXIT_OK;
}
