// SPDX-License-Identifier: Apache-2.0
#include "box.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices"

static struct box *box;

static int file_is(const char *device, const char *file, const char *wanted)
{
	char path[512], text[16] = "";
	FILE *f;

	snprintf(path, sizeof(path), DEVICES "/%s/%s", device, file);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%15s", text) != 1)
		*text = 0;
	fclose(f);
	return !strcmp(text, wanted);
}

/* Without a driver nobody else has switched the device's memory on. */
static int device_map(const char *device)
{
	char path[512];
	void *memory;
	int fd;

	snprintf(path, sizeof(path), DEVICES "/%s/enable", device);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "1", 1) < 0)
		return -1;
	close(fd);
	snprintf(path, sizeof(path), DEVICES "/%s/resource2", device);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	memory = mmap(NULL, BOX_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (memory == MAP_FAILED)
		return -1;
	box = memory;
	return ioperm(BOX_PORT, 1, 1);
}

int box_open(void)
{
	DIR *devices = opendir(DEVICES);
	struct dirent *entry;
	int rc = -1;

	errno = ENODEV;
	while (devices && rc < 0 && (entry = readdir(devices)))
		if (file_is(entry->d_name, "vendor", "0x1af4") && file_is(entry->d_name, "device", "0x1110"))
			rc = device_map(entry->d_name);
	if (devices)
		closedir(devices);
	if (rc == 0)
		frames_keep();
	return rc;
}

static void freeze(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	box->now = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	__sync_synchronize();
	for (int i = 0; i < BOX_FREEZE; i++)
		outb(0, BOX_PORT);
	__sync_synchronize();
}

int64_t box_turn(struct buffer *commands)
{
	struct buffer *out = frames_kept();

	do {
		size_t left = out->end - out->start, n = left < BOX_PART ? left : BOX_PART;

		memcpy(box->out, out->data ? out->data + out->start : "", n);
		box->out_length = (uint32_t)n;
		box->out_more = n < left;
		buffer_consume(out, n);
		freeze();
		if (box->in_length <= BOX_PART)
			buffer_append(commands, box->in, box->in_length);
	} while (box->out_more || box->in_more);
	return box->until;
}
