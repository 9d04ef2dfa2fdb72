// SPDX-License-Identifier: Apache-2.0
#include "serve_report.h"

#include <unistd.h>

#include "json/json.h"
#include "limits.h"
#include "out.h"

void report_listening(const struct server *server, const struct serve_options *options)
{
	char text[INET6_ADDRSTRLEN];

	json_event(&out, "listening", now_ns());
	json_string(&out, "name", server->name);
	json_string(&out, "address", address_text(&options->address, text));
	json_number(&out, "connectPort", options->connect_port);
	json_number(&out, "streamPort", options->stream_port);
	json_number(&out, "udpPort", options->udp_port);
	json_number(&out, "echoPort", options->echo_port);
	json_line(&out);
	out_drain();
}

void report_served(const struct counts *counts, uint32_t processes)
{
	struct counts sum = {0};
	uint64_t user, system;

	for (uint32_t i = 0; i < processes; i++) {
		sum.accepted += counts[i].accepted;
		sum.closed += counts[i].closed;
		sum.messages += counts[i].messages;
		sum.bytes += counts[i].bytes;
		integrity_add(&sum.integrity, &counts[i].integrity);
	}
	cpu_used_us(&user, &system);
	json_event(&out, "served", now_ns());
	json_number(&out, "accepted", sum.accepted);
	json_number(&out, "messages", sum.messages);
	json_number(&out, "bytes", sum.bytes);
	json_number(&out, "open", sum.accepted - sum.closed);
	json_number(&out, "userUs", user);
	json_number(&out, "systemUs", system);
	integrity_json(&out, &sum.integrity);
	json_array(&out, "acceptedBy");
	for (uint32_t i = 0; i < processes; i++)
		json_number(&out, NULL, counts[i].accepted);
	json_array_end(&out);
	json_line(&out);
	out_drain();
}

void report_heartbeat(const struct worker *worker, int fd)
{
	uint64_t beats;

	(void)!read(fd, &beats, sizeof(beats));
	out_flush();
	if (out_pending())
		return; /* nobody reads: nobody is told */
	json_event(&out, "heartbeat", now_ns());
	json_number(&out, "process", worker->process);
	json_number(&out, "corrupt", worker->counts.integrity.corrupt);
	json_line(&out);
	out_flush();
}
