// SPDX-License-Identifier: Apache-2.0
/* Results as mconnect and ctraffic print them, for the scripts that read those. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "limits.h"
#include "util/memory.h"
#include "out.h"

struct count_sample {
	uint64_t time_ns, sent, received;
};

struct originals {
	char started[40];      /* wall clock, RFC 3339 */
	union address kernels; /* source address the kernel chooses when none is asked for */
	struct row *rows;
	struct count_sample *samples;
	size_t row_count, sample_count;
};

/* Connecting a UDP socket sends nothing and tells which source address the routing table gives. */
static union address kernels_source(const union address *destination)
{
	int fd = socket(destination->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	union address source = {.any.sa_family = destination->any.sa_family};
	socklen_t length = sizeof(source);

	if (fd < 0)
		return source;
	if (!connect(fd, &destination->any, address_length(destination)))
		getsockname(fd, &source.any, &length);
	close(fd);
	return source;
}

void originals_init(struct client *client)
{
	struct originals *originals = allocate(sizeof(*originals));
	struct timespec wall;
	struct tm parts;

	client->originals = originals;
	originals->kernels = kernels_source(&client->set.address);
	clock_gettime(CLOCK_REALTIME, &wall);
	gmtime_r(&wall.tv_sec, &parts);
	size_t length = strftime(originals->started, sizeof(originals->started), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(originals->started + length, sizeof(originals->started) - length, ".%09ldZ", wall.tv_nsec);
}

/* Grows at powers of two. */
static void *with_room(void *list, size_t count, size_t bytes)
{
	return count & (count - 1) ? list : reallocate(list, (count ? 2 * count : 1) * bytes);
}

void originals_row(struct client *client, const struct row *row)
{
	struct originals *originals = client->originals;

	originals->rows = with_room(originals->rows, originals->row_count, sizeof(*row));
	originals->rows[originals->row_count++] = *row;
}

void originals_sample(struct client *client, uint64_t now)
{
	struct originals *originals = client->originals;
	struct count_sample sample = {now - client->start_ns, client->totals.sent, client->totals.received};

	originals->samples = with_room(originals->samples, originals->sample_count, sizeof(sample));
	originals->samples[originals->sample_count++] = sample;
}

static void add_endpoint(const char *name, union address address, uint16_t port)
{
	char text[INET6_ADDRSTRLEN];

	address_text(&address, text);
	text_add(&out, address.any.sa_family == AF_INET ? ",\"%s\":\"%s:%u\"" : ",\"%s\":\"[%s]:%u\"", name,
		 text, port);
}

static void add_connection(const struct client *client, const struct row *row)
{
	struct tuple tuple = {.offset = row->offset, .port = row->port};
	bool drawn = client->set.source.family != AF_UNSPEC;
	union address local = drawn ? tuple_address(&client->tuples, client->set.source.family, tuple)
				    : client->originals->kernels;
	bool established = row->established_us != NEVER_US;

	text_add(&out, "{\"Started\":%llu,\"Connect\":%llu,\"Ended\":%llu,\"Err\":\"%s\"",
		 row->start_us * 1000ULL, established ? row->established_us * 1000ULL : 0,
		 row->end_us * 1000ULL, row->cause ? cause_names[row->cause] : "");
	/* Nothing is skipped here when an echo is late; what counts as dropped is what was never answered. */
	text_add(&out, ",\"Sent\":%u,\"Received\":%u,\"Dropped\":%u,\"Retransmits\":%u", row->sent,
		 row->received, row->sent > row->received ? row->sent - row->received : 0, row->retransmits);
	add_endpoint("Local", local, row->port);
	add_endpoint("Remote", client->set.address, address_port(&client->set.address));
	text_add(&out, ",\"Host\":");
	text_add_json(&out, row->host == NO_HOST ? "" : client->hosts.list[row->host].name);
	text_add(&out, "}");
}

static void add_samples(const struct originals *originals)
{
	for (size_t i = 0; i < originals->sample_count; i++) {
		const struct count_sample *sample = &originals->samples[i];
		/* An echo under way is not dropped yet: only the rows of ended connections tell what was. */
		text_add(&out, "%s{\"Time\":%llu,\"Sent\":%llu,\"Received\":%llu,\"Dropped\":0}",
			 i ? "," : "", (unsigned long long)sample->time_ns, (unsigned long long)sample->sent,
			 (unsigned long long)sample->received);
	}
}

static int finish_ctraffic(const struct client *client, uint64_t now)
{
	const struct originals *originals = client->originals;
	const struct totals *totals = &client->totals;
	uint64_t retransmits = 0;

	for (size_t i = 0; i < originals->row_count; i++)
		retransmits += originals->rows[i].retransmits;
	text_add(&out,
		 "{\"Started\":\"%s\",\"Duration\":%llu,\"Rate\":%g,\"Connections\":%u,\"PacketSize\":%u",
		 originals->started, (unsigned long long)(now - client->start_ns),
		 client->set.rate * client->set.message_bytes / 1024, client->count,
		 client->set.message_bytes);
	text_add(&out, ",\"FailedConnections\":%llu,\"Sent\":%llu,\"Received\":%llu,\"Dropped\":%llu",
		 (unsigned long long)totals->lost_all, (unsigned long long)totals->sent,
		 (unsigned long long)totals->received, (unsigned long long)(totals->sent - totals->received));
	text_add(&out, ",\"Retransmits\":%llu,\"FailedConnects\":%llu,\"ConnStats\":[",
		 (unsigned long long)retransmits, (unsigned long long)totals->failed_connects);
	for (size_t i = 0; i < originals->row_count; i++) {
		text_add(&out, "%s", i ? "," : "");
		add_connection(client, &originals->rows[i]);
	}
	text_add(&out, "],\"Samples\":[");
	add_samples(originals);
	text_add(&out, "]}\n");
	return 0;
}

static void finish_mconnect_json(const struct client *client, uint64_t now, uint64_t connects, uint64_t reads)
{
	text_add(&out, "{\"hosts\":{");
	for (uint16_t i = 0; i < client->hosts.count; i++) {
		text_add(&out, "%s", i ? "," : "");
		text_add_json(&out, client->hosts.list[i].name);
		text_add(&out, ":%u", client->hosts.list[i].answered);
	}
	text_add(&out,
		 "},\"connects\":%u,\"failed_connects\":%llu,\"failed_reads\":%llu,\"start_time\":\"%s\","
		 "\"timeout\":%llu,\"duration\":%llu}\n",
		 client->next, (unsigned long long)connects, (unsigned long long)reads,
		 client->originals->started, (unsigned long long)client->set.timeout_ns,
		 (unsigned long long)(now - client->start_ns));
}

static void finish_mconnect_text(const struct client *client, uint64_t connects, uint64_t reads)
{
	text_add(&out, "Failed connects; %llu\nFailed reads; %llu\n", (unsigned long long)connects,
		 (unsigned long long)reads);
	for (uint16_t i = 0; i < client->hosts.count; i++)
		text_add(&out, "%s %u\n", client->hosts.list[i].name, client->hosts.list[i].answered);
}

int originals_finish(struct client *client, uint64_t now)
{
	if (client->set.output == OUTPUT_CTRAFFIC)
		return finish_ctraffic(client, now);
	uint64_t reads = client->totals.failed_reads, connects = client->totals.failed_connects - reads;
	reads += client->totals.lost_all; /* with --keep */
	if (client->set.output == OUTPUT_MCONNECT_JSON)
		finish_mconnect_json(client, now, connects, reads);
	else
		finish_mconnect_text(client, connects, reads);
	return connects || reads ? 1 : 0;
}
