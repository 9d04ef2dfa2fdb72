// SPDX-License-Identifier: Apache-2.0
/* ctraffic's options, for `traffic stream` and `traffic serve`; and its analyses. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "analyze.h"
#include "go.h"
#include "old.h"

#define LEAST_TCP 64
#define LEAST_UDP 80

static struct old_option options[] = {
	{.name = "address", .wants = "HOST:PORT", .help = "where to connect, or listen ([::1]:5003)"},
	{.name = "server", .help = "echo, with the host name"},
	{.name = "client", .wants = "echo", .help = "the kind of client (echo)"},
	{.name = "nconn", .wants = "N", .help = "connections (1)", .to = "connections"},
	{.name = "rate", .wants = "NUMBER", .help = "KB/s over all connections (10)"},
	{.name = "psize", .wants = "BYTES", .help = "bytes in a message (1024)"},
	{.name = "timeout", .wants = "TIME", .help = "how long (10s)"},
	{.name = "monitor", .help = "a line a second on stderr", .to = "monitor"},
	{.name = "reconnect", .help = "open lost connections again (true)"},
	{.name = "retries",
	 .wants = "N",
	 .help = "no effect",
	 .instead = "a lost connection is opened again until the end."},
	{.name = "stats", .wants = "none|summary|all", .help = "statistics as JSON at the end (summary)"},
	{.name = "srccidr", .wants = "CIDR", .help = "network of the source addresses", .to = "src"},
	{.name = "srcfile", .wants = "FILE", .instead = "give a network with -srccidr."},
	{.name = "udp", .help = "UDP instead of TCP", .to = "udp"},
	{.name = "stat_file", .wants = "FILE", .help = "statistics to analyse"},
	{.name = "analyze", .wants = "throughput|hosts|connections", .help = "the analysis (throughput)"},
	{.name = "version", .help = "print what this is"},
};
static const struct old_command ctraffic = {"ctraffic", "[options]", "traffic stream", options,
					    COUNT_OF(options)};

static const char *value(const char *name, const char *otherwise)
{
	const char *given = old_value(&ctraffic, name);

	return given ? given : otherwise;
}

static void serve(const char *address)
{
	struct listen at = go_listen("address", address);
	struct words words = {0};

	words_add(&words, "traffic");
	words_add(&words, "serve");
	if (*at.address)
		words_add(&words, "--address=%s", at.address);
	words_add(&words, "--stream-port=%s", at.port);
	words_add(&words, "--udp-port=%s", old_flag(&ctraffic, "udp") ? at.port : "0");
	words_add(&words, "--connect-port=0");
	words_add(&words, "--echo-port=0");
	words_run(&words);
}

static void add_load(struct words *words)
{
	const bool udp = old_flag(&ctraffic, "udp");
	double bytes = go_number("psize", value("psize", "1024"));
	const double least = udp ? LEAST_UDP : LEAST_TCP;

	bytes = bytes < least ? least : bytes;
	words_add(words, "--size=%.0f", bytes);
	words_add(words, "--rate=%.9f", go_number("rate", value("rate", "10")) * 1024 / bytes);
	words_add(words, "--duration=%.9fs", go_duration("timeout", value("timeout", "10s")));
	words_add(words, "--seed=%lld", (long long)time(NULL));
}

static const char *output_of(const char *stats)
{
	static const char *const names[][2] = {
		{"none", "nothing"}, {"summary", "summary"}, {"all", "ctraffic"}};

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (!strcmp(stats, names[i][0]))
			return names[i][1];
	old_invalid("stats", stats, "none, summary or all");
}

int main(int argc, char **argv)
{
	struct words words = {0};

	old_start(&ctraffic, argc, argv);
	if (old_value(&ctraffic, "stat_file"))
		return analyze(value("analyze", "throughput"), old_value(&ctraffic, "stat_file"));
	if (old_value(&ctraffic, "analyze"))
		fail(EXIT_USAGE, "-analyze needs a file of statistics: -stat_file FILE.");
	if (strcmp(value("client", "echo"), "echo"))
		old_invalid("client", value("client", ""), "echo");
	if (old_flag(&ctraffic, "server"))
		serve(value("address", "[::1]:5003"));
	words_add(&words, "traffic");
	words_add(&words, "stream");
	words_add(&words, "--address=%s", value("address", "[::1]:5003"));
	words_add(&words, "--output=%s", output_of(value("stats", "summary")));
	if (strcmp(value("reconnect", "true"), "false"))
		words_add(&words, "--reconnect");
	add_load(&words);
	old_pass(&ctraffic, &words);
	words_run(&words);
}
