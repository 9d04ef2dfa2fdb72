// SPDX-License-Identifier: Apache-2.0
#include "control.h"

#include <stddef.h>
#include <string.h>

#include "balancer.h"
#include "control/socket.h"
#include "table/table_text.h"

static void answer(void *context, const void *question, size_t size, struct text *out)
{
	const struct control_message *message = question;
	struct balancer *balancer = context;
	const size_t header = offsetof(struct control_message, members);
	const uint32_t n = balancer->settings.table.n;
	struct member members[MAGLEV_N_MAX] = {0};
	struct table_publication done;
	int error;

	if (size < header || size != header + message->n * sizeof(struct member)) {
		text_add(out, "!The request is not of this version of xdp-lb.");
		return;
	}
	switch (message->request) {
	case CONTROL_SET:
		for (uint32_t i = 0; i < message->n; i++) {
			if (i >= n && message->members[i].weight) {
				text_add(out, "!A target's index must be within 0..%u, not %u.", n - 1, i);
				return;
			}
			members[i] = message->members[i];
		}
		if (members_error(&balancer->settings.table, members)) {
			text_add(out, "!%s.", members_error(&balancer->settings.table, members));
			return;
		}
		error = balancer_publish(balancer, members, &done);
		if (error)
			text_add(out, "!Cannot publish the table: %s.", strerror(error));
		else
			table_publication_json(out, &done);
		break;
	case CONTROL_SHOW:
		balancer_table_json(balancer, out);
		break;
	case CONTROL_STATS:
		balancer_stats_json(balancer, out);
		break;
	default:
		text_add(out, "!The request is unknown to this version of xdp-lb.");
	}
}

void control_serve(int listener, struct balancer *balancer)
{
	static struct control_message message;

	control_socket_serve(listener, &message, sizeof(message), answer, balancer);
}

char *control_ask(const char *name, const struct control_message *message)
{
	const size_t size = offsetof(struct control_message, members) + message->n * sizeof(struct member);

	return control_socket_ask("xdp-lb", name, message, size);
}
