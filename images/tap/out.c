// SPDX-License-Identifier: Apache-2.0
#include "out.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "cli/fail.h"

static void put(const void *data, size_t size)
{
	if (fwrite(data, 1, size, stdout) != size)
		fail(EXIT_ERROR, "Cannot write: %s.", strerror(errno));
}

bool out_is_tester(const struct out *out, const char *port)
{
	for (const char *name = out->tester;; name++) {
		const size_t length = strcspn(name, ",");

		if (strncmp(port, name, length) == 0 && port[length] == '.')
			return true;
		name += length;
		if (!*name)
			return false;
	}
}

enum port out_port(struct out *out, uint32_t ifindex)
{
	char name[IF_NAMESIZE] = "";
	struct record record = {.kind = RECORD_PORT, .ifindex = ifindex};

	if (ifindex >= PORTS_MAX)
		return PORT_OTHER;
	if (out->ports[ifindex] == PORT_UNKNOWN) {
		if (!if_indextoname(ifindex, name))
			return PORT_OTHER;
		record.size = (uint16_t)strlen(name);
		put(&record, sizeof(record));
		put(name, record.size);
		out->ports[ifindex] = out_is_tester(out, name) ? PORT_TESTER : PORT_OTHER;
	}
	return out->ports[ifindex];
}

void out_frame(struct out *out, const struct captured *captured)
{
	const struct record record = {.kind = RECORD_PACKET,
				      .size = (uint16_t)captured->captured,
				      .ifindex = captured->ifindex,
				      .t = captured->t,
				      .length = captured->length};

	out_port(out, captured->ifindex);
	out->counts.written++;
	put(&record, sizeof(record));
	put(captured->data, captured->captured);
}

void out_end(struct out *out)
{
	const struct record record = {.kind = RECORD_END, .size = sizeof(out->counts)};
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	out->counts.cpu_ns = ((uint64_t)used.ru_utime.tv_sec + (uint64_t)used.ru_stime.tv_sec) * 1000000000 +
			     ((uint64_t)used.ru_utime.tv_usec + (uint64_t)used.ru_stime.tv_usec) * 1000;
	put(&record, sizeof(record));
	put(&out->counts, sizeof(out->counts));
	fflush(stdout);
}
