// SPDX-License-Identifier: Apache-2.0
/* mconnect's options, for `traffic connect` and `traffic serve`. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "go.h"
#include "old.h"

static struct old_option options[] = {
	{.name = "address", .wants = "HOST:PORT", .help = "where to connect, or listen ([::1]:5001)"},
	{.name = "server", .help = "answer with the host name"},
	{.name = "nconn", .wants = "N", .help = "connections (1)", .to = "connections"},
	{.name = "srccidr", .wants = "CIDR", .help = "network of the source addresses", .to = "src"},
	{.name = "maxconcurrent", .wants = "N", .help = "opened at a time (64)", .to = "concurrent"},
	{.name = "seed", .wants = "N", .help = "seed of the sources; 0: of the clock (0)"},
	{.name = "timeout", .wants = "TIME", .help = "time-out of a connection (5s)"},
	{.name = "output", .wants = "txt|json", .help = "format of the result (txt)"},
	{.name = "udp", .help = "UDP instead of TCP", .to = "udp"},
	{.name = "keep", .help = "hold the connections until SIGTERM", .to = "keep"},
	{.name = "k8sprobe", .wants = "ADDRESS", .instead = "no HTTP is served."},
	{.name = "version", .help = "print what this is"},
};
static const struct old_command mconnect = {"mconnect", "[options]", "traffic connect", options,
					    COUNT_OF(options)};

static void serve(const char *address)
{
	struct listen at = go_listen("address", address);
	struct words words = {0};

	words_add(&words, "traffic");
	words_add(&words, "serve");
	if (*at.address)
		words_add(&words, "--address=%s", at.address);
	words_add(&words, "--connect-port=%s", at.port);
	for (const char *const *other = (const char *const[]){"stream", "udp", "echo", NULL}; *other; other++)
		words_add(&words, "--%s-port=0", *other);
	words_run(&words);
}

int main(int argc, char **argv)
{
	struct words words = {0};

	old_start(&mconnect, argc, argv);
	const char *address = old_value(&mconnect, "address"), *seed = old_value(&mconnect, "seed");
	const char *timeout = old_value(&mconnect, "timeout"), *output = old_value(&mconnect, "output");
	if (!address)
		address = "[::1]:5001";
	if (old_flag(&mconnect, "server"))
		serve(address);
	if (output && strcmp(output, "txt") && strcmp(output, "json"))
		old_invalid("output", output, "txt or json");
	words_add(&words, "traffic");
	words_add(&words, "connect");
	words_add(&words, "--address=%s", address);
	words_add(&words, "--output=%s", output ? output : "txt");
	if (seed && strcmp(seed, "0"))
		words_add(&words, "--seed=%s", seed);
	else
		words_add(&words, "--seed=%lld", (long long)time(NULL));
	if (timeout && go_duration("timeout", timeout) > 0)
		words_add(&words, "--timeout=%.9fs", go_duration("timeout", timeout));
	old_pass(&mconnect, &words);
	words_run(&words);
}
