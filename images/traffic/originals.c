// SPDX-License-Identifier: Apache-2.0
#include "originals.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

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
	if (client->set.monitor)
		fprintf(stderr, "active %u, connecting %u, failed %llu; sent %llu, received %llu\n",
			client->alive, client->opening, (unsigned long long)client->totals.lost_all,
			(unsigned long long)sample.sent, (unsigned long long)sample.received);
}

static void add_endpoint(const char *name, union address address, uint16_t port)
{
	char text[INET6_ADDRSTRLEN], endpoint[INET6_ADDRSTRLEN + 8];

	address_text(&address, text);
	snprintf(endpoint, sizeof(endpoint), address.any.sa_family == AF_INET ? "%s:%u" : "[%s]:%u", text,
		 port);
	json_string(&out, name, endpoint);
}

static void add_connection(const struct client *client, const struct row *row)
{
	struct tuple tuple = {.offset = row->offset, .port = row->port};
	bool drawn = client->set.source.family != AF_UNSPEC;
	union address local = drawn ? tuple_address(&client->tuples, client->set.source.family, tuple)
				    : client->originals->kernels;
	bool established = row->established_us != NEVER;

	json_object(&out, NULL);
	json_number(&out, "Started", row->start_us * row_unit_ns(client));
	json_number(&out, "Connect", established ? row->established_us * row_unit_ns(client) : 0);
	json_number(&out, "Ended", row->end_us * row_unit_ns(client));
	json_string(&out, "Err", row->cause ? cause_names[row->cause] : "");
	json_number(&out, "Sent", row->sent);
	json_number(&out, "Received", row->received);
	/* Nothing is skipped here when an echo is late; what counts as dropped is what was never answered. */
	json_number(&out, "Dropped", row->sent > row->received ? row->sent - row->received : 0);
	json_number(&out, "Retransmits", row->retransmits);
	add_endpoint("Local", local, row->port);
	add_endpoint("Remote", client->set.address, address_port(&client->set.address));
	json_string(&out, "Host", row->host == NO_HOST ? "" : client->hosts.list[row->host].name);
	json_object_end(&out);
}

static void add_samples(const struct originals *originals)
{
	json_array(&out, "Samples");
	for (size_t i = 0; i < originals->sample_count; i++) {
		const struct count_sample *sample = &originals->samples[i];

		json_object(&out, NULL);
		json_number(&out, "Time", sample->time_ns);
		json_number(&out, "Sent", sample->sent);
		json_number(&out, "Received", sample->received);
		/* An echo under way is not dropped yet: only the rows of ended connections tell what was. */
		json_number(&out, "Dropped", 0);
		json_object_end(&out);
	}
	json_array_end(&out);
}

static int finish_ctraffic(const struct client *client, uint64_t now)
{
	const struct originals *originals = client->originals;
	const struct totals *totals = &client->totals;
	uint64_t retransmits = 0;

	for (size_t i = 0; i < originals->row_count; i++)
		retransmits += originals->rows[i].retransmits;
	json_object(&out, NULL);
	json_string(&out, "Started", originals->started);
	json_number(&out, "Duration", now - client->start_ns);
	json_real(&out, "Rate", "%g", client->set.rate * client->set.message_bytes / 1024);
	json_number(&out, "Connections", client->count);
	json_number(&out, "PacketSize", client->set.message_bytes);
	json_number(&out, "FailedConnections", totals->lost_all);
	json_number(&out, "Sent", totals->sent);
	json_number(&out, "Received", totals->received);
	json_number(&out, "Dropped", totals->sent - totals->received);
	json_number(&out, "Retransmits", retransmits);
	json_number(&out, "FailedConnects", totals->failed_connects);
	if (client->set.output == OUTPUT_CTRAFFIC) {
		json_array(&out, "ConnStats");
		for (size_t i = 0; i < originals->row_count; i++)
			add_connection(client, &originals->rows[i]);
		json_array_end(&out);
		add_samples(originals);
	}
	json_line(&out);
	return 0;
}

static void finish_mconnect_json(const struct client *client, uint64_t now, uint64_t connects, uint64_t reads)
{
	json_object(&out, NULL);
	json_object(&out, "hosts");
	for (uint16_t i = 0; i < client->hosts.count; i++)
		json_number(&out, client->hosts.list[i].name, client->hosts.list[i].answered);
	json_object_end(&out);
	json_number(&out, "connects", client->next);
	json_number(&out, "failed_connects", connects);
	json_number(&out, "failed_reads", reads);
	json_string(&out, "start_time", client->originals->started);
	json_number(&out, "timeout", client->set.timeout_ns);
	json_number(&out, "duration", now - client->start_ns);
	json_line(&out);
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
	if (client->set.output == OUTPUT_NOTHING)
		return 0;
	if (client->set.output >= OUTPUT_CTRAFFIC)
		return finish_ctraffic(client, now);
	uint64_t reads = client->totals.failed_reads, connects = client->totals.failed_connects - reads;
	reads += client->totals.lost_all; /* with --keep */
	if (client->set.output == OUTPUT_MCONNECT_JSON)
		finish_mconnect_json(client, now, connects, reads);
	else
		finish_mconnect_text(client, connects, reads);
	return connects || reads ? 1 : 0;
}
