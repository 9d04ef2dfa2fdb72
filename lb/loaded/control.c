// SPDX-License-Identifier: Apache-2.0
#include "control.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "cli/options.h"
#include "control/socket.h"
#include "json/json.h"
#include "queue/drops.h"
#include "util/clock.h"
#include "util/counter.h"

static const char *const names[COUNTERS] = {
	[COUNT_FORWARDED] = "forwarded",
	[COUNT_RETURNED] = "returned",
	[COUNT_PASSED] = "passed",
	[COUNT_EXEMPT] = "exempt",
	[COUNT_MALFORMED] = "malformed",
	[COUNT_FRAGMENTS_REFUSED] = "fragments_refused",
	[COUNT_NO_TARGET] = "no_target",
	[COUNT_NO_ROOM] = "no_room",
	[COUNT_NO_CLIENT] = "no_client",
	[COUNT_ERRORS] = "icmp_errors",
	[COUNT_NEW_CLIENTS] = "new_clients",
	[COUNT_MOVED_CLIENTS] = "moved_clients",
	[COUNT_BYTES] = "bytes",
	[COUNT_RECV_CALLS] = "recv_calls",
	[COUNT_VERDICT_CALLS] = "verdict_calls",
	[COUNT_VERDICT_ERRORS] = "verdict_errors",
	[COUNT_ENOBUFS] = "enobufs",
};
static const char *const states[] = {"active", "drained", "gone", "unproven"};

void control_stats(struct balancer *balancer, struct text *text)
{
	uint64_t packets = 0, sums[COUNTERS] = {0};

	for (uint32_t queue = 0; queue < balancer->settings.queues; queue++)
		for (int i = 0; i < COUNTERS; i++)
			sums[i] += count_read(&balancer->workers[queue].counters[i]);
	for (int i = 0; i < COUNT_KINDS; i++)
		packets += sums[i];
	json_event(text, "stats", clock_ns());
	json_number(text, "packets", packets);
	for (int i = 0; i < COUNTERS; i++)
		json_number(text, names[i], sums[i]);
	json_number(text, "clients", clients_count(balancer->clients));
	json_number(text, "expired_clients", atomic_load(&balancer->expired));
	json_number(text, "forgotten_clients", atomic_load(&balancer->forgotten));
	json_number(text, "probes", atomic_load(&balancer->probes));
	queue_drops_json(text, balancer->queue_list, balancer->settings.first, balancer->settings.queues);
	json_line(text);
}

static void show(struct balancer *balancer, struct text *text)
{
	const struct targets *targets = &balancer->targets;

	json_object(text, NULL);
	json_string(text, "scheduler", targets->scheduler == SCHEDULER_RR ? "rr" : "weighted");
	json_number(text, "clients", clients_count(balancer->clients));
	json_number(text, "changedT", atomic_load(&balancer->changed_ns));
	json_bool(text, "cut_off", atomic_load(&balancer->cut_off));
	json_array(text, "targets");
	for (uint32_t i = 0; i < atomic_load(&targets->n); i++) {
		const struct target *target = &targets->list[i];

		json_object(text, NULL);
		json_string(text, "address", address_text(target->address).text);
		json_string(text, "state", states[target_state(targets, i)]);
		json_bool(text, "configured", !target->found);
		json_number(text, "clients", atomic_load(&target->clients));
		json_number(text, "picked", atomic_load(&target->picked));
		json_object_end(text);
	}
	json_array_end(text);
	json_line(text);
}

static bool is_named(const struct control_message *message, const uint8_t address[16])
{
	for (uint32_t i = 0; i < message->n; i++)
		if (address_equal(message->addresses[i], address))
			return true;
	return false;
}

static void set_state(struct balancer *balancer, uint32_t target, enum target_state state)
{
	atomic_store(&balancer->targets.list[target].out_of_order, state != TARGET_ACTIVE);
	balancer_set_state(balancer, target, state);
}

/* Those that come first, so that clients of those that leave find them. */
static void change(struct balancer *balancer, const struct control_message *message, struct text *text)
{
	struct targets *targets = &balancer->targets;
	const enum target_state left = message->keep ? TARGET_DRAINED : TARGET_GONE;

	for (uint32_t i = 0; message->request != CONTROL_DEACTIVATE && i < message->n; i++) {
		const uint32_t index = targets_add(targets, message->addresses[i], false);

		if (index == NO_TARGET) {
			text_add(text, "!There is room for %u targets.", TARGETS_MAX);
			return;
		}
		targets->list[index].found = false;
		set_state(balancer, index, TARGET_ACTIVE);
	}
	for (uint32_t i = 0; message->request != CONTROL_ACTIVATE && i < atomic_load(&targets->n); i++)
		if (target_state(targets, i) != TARGET_UNPROVEN &&
		    is_named(message, targets->list[i].address) == (message->request == CONTROL_DEACTIVATE))
			set_state(balancer, i, left);
	json_object(text, NULL);
	json_number(text, "publishedT", clock_ns());
	json_line(text);
}

static void answer(void *context, const void *question, size_t size, struct text *text)
{
	const struct control_message *message = question;
	const size_t header = offsetof(struct control_message, addresses);

	if (size < header || message->n > TARGETS_MAX || size != header + message->n * 16 ||
	    message->request > CONTROL_STATS)
		text_add(text, "!The request is not of this version of loaded-lb.");
	else if (message->request == CONTROL_SHOW)
		show(context, text);
	else if (message->request == CONTROL_STATS)
		control_stats(context, text);
	else
		change(context, message, text);
}

void control_serve(int listener, struct balancer *balancer)
{
	static struct control_message message;

	control_socket_serve(listener, &message, sizeof(message), answer, balancer);
}

void control_add(struct control_message *message, const char *list)
{
	char *copy = strdup(list), *address;

	if (!copy)
		fail(EXIT_ERROR, "Out of memory.");
	for (char *rest = copy; *copy && (address = strsep(&rest, ","));) {
		if (message->n == TARGETS_MAX)
			fail(EXIT_USAGE, "There is room for %u targets.", TARGETS_MAX);
		if (!address_parse(address, message->addresses[message->n++]))
			fail(EXIT_USAGE, "'%s' is no IPv4 or IPv6 address.", address);
	}
	free(copy);
}

int control_print(const char *name, const struct control_message *message)
{
	const size_t size = offsetof(struct control_message, addresses) + message->n * 16;
	char *text = control_socket_ask("loaded-lb", name, message, size);

	fputs(text, stdout);
	free(text);
	return EXIT_OK;
}
