// SPDX-License-Identifier: Apache-2.0
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

#include "address_name.h"
#include "util/clock.h"

enum { DROPS_PER_S = 100 };

static const struct table *by;

void log_by(const struct table *table)
{
	by = table;
}

bool log_is_on(enum log_level level)
{
	return level <= (by ? atomic_load_explicit(&by->header->log_level, memory_order_relaxed) : LOG_NOTICE);
}

void log_say(enum log_level level, const char *format, ...)
{
	char sentence[512];
	va_list args;

	if (!log_is_on(level))
		return;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	fprintf(stderr, "%s.\n", sentence);
}

/* Whether one more may be told in this second. */
static bool has_room(void)
{
	static _Atomic uint64_t second, told;
	const uint64_t now = clock_ns() / 1000000000;

	if (atomic_exchange(&second, now) != now)
		atomic_store(&told, 0);
	return atomic_fetch_add(&told, 1) < DROPS_PER_S;
}

void log_drop(const struct flow_key *key, const char *why)
{
	char source[ADDRESS_NAME], destination[ADDRESS_NAME];

	if (!log_is_on(LOG_DEBUG) || !has_room())
		return;
	if (!key)
		log_say(LOG_DEBUG, "Dropped a packet: %s", why);
	else
		log_say(LOG_DEBUG, "Dropped a packet of protocol %u from %s port %u to %s port %u: %s", key->protocol,
			address_name(key->source, source), key->source_port[0] << 8 | key->source_port[1],
			address_name(key->destination, destination),
			key->destination_port[0] << 8 | key->destination_port[1], why);
}
