// SPDX-License-Identifier: Apache-2.0
#include "trace.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address_name.h"
#include "cli/fail.h"
#include "control/address.h"
#include "encap.h"
#include "flow_service.h"
#include "json/json.h"
#include "log.h"
#include "packet/flow.h"
#include "packet/flow_names.h"
#include "pick.h"
#include "util/clock.h"
#include "worker.h"

void tracer_open(struct tracer *tracer, const char *shm, struct worker *workers, uint32_t n)
{
	struct sockaddr_un address;
	const socklen_t size = control_address(shm, TRACE_SUFFIX, &address);

	tracer->shm = shm;
	tracer->workers = workers;
	tracer->workers_n = n;
	atomic_store(&tracer->client, -1);
	snprintf(tracer->flows_name, sizeof(tracer->flows_name), "%s" TRACE_SUFFIX, shm);
	tracer->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (tracer->listener < 0 || bind(tracer->listener, (struct sockaddr *)&address, size) ||
	    listen(tracer->listener, 1))
		fail(EXIT_ERROR, "Cannot listen for 'trace' as '%s': %s.", shm, strerror(errno));
}

void tracer_accept(struct tracer *tracer)
{
	const int fd = accept4(tracer->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (tracer_is_on(tracer) || !control_is_trusted(fd)) {
		close(fd);
		return;
	}
	tracer->flows = flow_service_open(tracer->flows_name, false);
	if (flow_service_start(tracer->flows, tracer->workers, tracer->workers_n))
		fail(EXIT_ERROR, "Cannot start the thread that follows the trace flows.");
	atomic_store(&tracer->missed, 0);
	atomic_store(&tracer->client, fd);
	log_say(LOG_INFO, "Somebody traces packets");
}

void tracer_detach(struct tracer *tracer)
{
	const int fd = atomic_exchange(&tracer->client, -1);

	/* Those that saw it have left their batch. */
	flow_service_settle(tracer->flows);
	flow_service_stop(tracer->flows);
	close(fd);
	log_say(LOG_INFO, "Nobody traces packets any more");
}

static void add_address(struct text *text, const char *key, const uint8_t address[16])
{
	char name[ADDRESS_NAME];

	json_string(text, key, address_name(address, name));
}

static void add_verdict(struct text *text, const struct verdict *verdict)
{
	const bool accepted = verdict->decision == NF_ACCEPT;

	json_string(text, "verdict", accepted ? "accept" : verdict->decision == NF_DROP ? "drop" : "queue");
	if (accepted && verdict->has_mark)
		json_number(text, "fwmark", verdict->mark);
	else
		json_null(text, "fwmark");
}

void tracer_tell(struct tracer *tracer, const struct worker *worker, const struct queued_packet *packet,
		 const struct verdict *verdict)
{
	const int client = atomic_load_explicit(&tracer->client, memory_order_acquire);
	struct flow_bytes transport;
	struct text text = {0};
	struct flow_key key;
	const char *name;
	/* With ports, whatever the table hashes. */
	enum flow_kind kind =
		flow_dissect(packet->data, packet->captured, packet->length, true, &key, &transport);

	kind = encap_open(worker->options->sctp_encap, kind, false, &key, &transport);
	if (client < 0 || !flow_has_key(kind) || !(name = flow_service_count(tracer->flows, &key, &transport)))
		return;
	json_event(&text, "packet", clock_ns());
	json_string(&text, "flow", name);
	json_string(&text, "kind", flow_counter_names[kind]);
	json_number(&text, "protocol", key.protocol);
	add_address(&text, "src", key.source);
	json_number(&text, "sport", key.source_port[0] << 8 | key.source_port[1]);
	add_address(&text, "dst", key.destination);
	json_number(&text, "dport", key.destination_port[0] << 8 | key.destination_port[1]);
	json_number(&text, "length", packet->length);
	json_number(&text, "queue", worker->queue);
	add_verdict(&text, verdict);
	json_number(&text, "missed", atomic_load(&tracer->missed));
	json_line(&text);
	if (send(client, text.data, text.length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		atomic_fetch_add(&tracer->missed, 1);
	text_free(&text);
}
