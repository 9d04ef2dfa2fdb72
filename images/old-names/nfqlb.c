// SPDX-License-Identifier: Apache-2.0
/* nfqlb's commands, for nfqueue-lb. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "old.h"
#include "table/prime.h"

#define SHM {.name = "shm", .wants = "NAME", .help = "the table (nfqueue-lb)", .to = "shm"}
#define HASH_MODE                                                                                            \
	{.name = "hash_mode", .wants = "0|1", .help = "no effect", .instead = "the table has the hash: see 'nfqueue-lb init --help'."}

static struct old_option shm_only[] = {SHM};
static struct old_option init[] = {
	SHM,
	{.name = "M", .wants = "M", .help = "slots of the table, a prime (997)", .to = "M"},
	{.name = "N", .wants = "N", .help = "maximum number of targets (32)", .to = "N"},
	{.name = "ownfw", .wants = "FWMARK", .instead = "it is --own of 'nfqueue-lb run'."},
};
static struct old_option targets[] = {
	SHM,
	{.name = "index", .wants = "I", .help = "index of a single target", .to = "index"},
};
static struct old_option fwmark[] = {
	SHM,
	{.name = "proto", .wants = "PROTO", .help = "protocol of the flow (tcp)", .to = "proto"},
	{.name = "src", .wants = "ADDRESS:PORT", .help = "source of the flow", .to = "src"},
	{.name = "dst", .wants = "ADDRESS:PORT", .help = "destination of the flow", .to = "dst"},
	HASH_MODE,
};
static struct old_option stats[] = {
	SHM,
	{.name = "ft_shm", .wants = "NAME", .help = "no effect", .instead = "the fragments are in the table's counters."},
};
static struct old_option run[] = {
	{.name = "tshm", .wants = "NAME", .help = "the table (nfqueue-lb)", .to = "shm"},
	{.name = "lbshm", .wants = "NAME", .help = "table of all routers", .to = "routers"},
	{.name = "queue", .wants = "Q|FIRST:LAST", .help = "netfilter queues (2)"},
	{.name = "qlength", .wants = "N", .help = "packets in a kernel queue (1024)"},
	{.name = "notargets_fwmark", .wants = "N", .help = "fwmark without a target (-1, drop)"},
	{.name = "nolb_fwmark", .wants = "N", .help = "flowlb: fwmark without a flow (-1, drop)"},
	{.name = "tun", .wants = "NAME", .help = "device to reinject fragments", .to = "tun"},
	{.name = "ft_size", .wants = "N", .help = "datagram entries", .to = "fragment-datagrams"},
	{.name = "ft_ttl", .wants = "MS", .help = "lifetime of an entry (200)"},
	{.name = "ft_buckets", .wants = "N", .help = "no effect", .instead = "the table needs no extra buckets."},
	{.name = "ft_frag", .wants = "N", .help = "no effect", .instead = "waiting fragments are limited by bytes."},
	{.name = "ft_shm", .wants = "NAME", .help = "no effect", .instead = "'nfqueue-lb stats' counts fragments."},
	{.name = "mtu", .wants = "BYTES", .help = "no effect", .instead = "fragments of any size are stored."},
	HASH_MODE,
	{.name = "reassembler", .wants = "N", .instead = "fragments are not put together."},
	{.name = "sctp_encap", .wants = "PORT", .help = "UDP port that carries SCTP", .to = "sctp-encap"},
	{.name = "promiscuous_ping", .help = "flowlb: pings go by the addresses of flows alone", .to = "promiscuous-ping"},
	{.name = "trace_address", .wants = "ADDRESS", .help = "no effect", .instead = "'nfqueue-lb trace' asks the table's name."},
};
static struct old_option flow_set[] = {
	{.name = "name", .wants = "FLOW", .help = "name of the flow", .to = "name"},
	{.name = "target", .wants = "TABLE", .help = "table of its targets", .to = "targets"},
	{.name = "targetShm", .wants = "TABLE", .help = "the same", .to = "targets"},
	{.name = "prio", .wants = "N", .help = "the highest is matched first (0)", .to = "priority"},
	{.name = "protocols", .wants = "P,...", .help = "protocols", .to = "protocols"},
	{.name = "proto", .wants = "P,...", .help = "the same", .to = "protocols"},
	{.name = "srcs", .wants = "A/N,...", .help = "source networks", .to = "srcs"},
	{.name = "dsts", .wants = "A/N,...", .help = "destination networks", .to = "dsts"},
	{.name = "sports", .wants = "P-Q,...", .help = "source ports", .to = "sports"},
	{.name = "dports", .wants = "P-Q,...", .help = "destination ports", .to = "dports"},
	{.name = "match", .wants = "MATCH", .instead = "'nfqueue-lb flow-set --match O:HEX[/MASK]' compares bytes."},
	{.name = "user_ref", .wants = "N", .help = "number of yours", .to = "user-ref"},
	{.name = "udpencap", .wants = "PORT", .help = "no effect", .instead = "--sctp_encap of 'nfqlb flowlb' has it for all flows."},
};
static struct old_option trace[] = {
	SHM,
	{.name = "mask", .wants = "MASK", .help = "no effect", .instead = "packets of the trace flows are printed."},
	{.name = "selection", .wants = "AREA,...", .help = "no effect", .instead = "packets of the trace flows are printed."},
};
static struct old_option trace_flow_set[] = {
	{.name = "name", .wants = "FLOW", .help = "name of the flow", .to = "name"},
	{.name = "protocols", .wants = "P,...", .help = "protocols", .to = "protocols"},
	{.name = "srcs", .wants = "A/N,...", .help = "source networks", .to = "srcs"},
	{.name = "dsts", .wants = "A/N,...", .help = "destination networks", .to = "dsts"},
	{.name = "sports", .wants = "P-Q,...", .help = "source ports", .to = "sports"},
	{.name = "dports", .wants = "P-Q,...", .help = "destination ports", .to = "dports"},
	{.name = "match", .wants = "MATCH", .instead = "'nfqueue-lb trace-flow-set --match O:HEX[/MASK]' compares bytes."},
};
static struct old_option flow_name[] = {
	{.name = "name", .wants = "FLOW", .help = "name of the flow"},
};

static const struct old_command commands[] = {
	{"init", "[options]", "nfqueue-lb init", init, COUNT_OF(init)},
	{"delete", "[options]", "nfqueue-lb delete", shm_only, COUNT_OF(shm_only)},
	{"show", "[options]", "nfqueue-lb show", shm_only, COUNT_OF(shm_only)},
	{"activate", "[options] FWMARK...", "nfqueue-lb activate", targets, COUNT_OF(targets)},
	{"deactivate", "[options] FWMARK...", "nfqueue-lb deactivate", targets, COUNT_OF(targets)},
	{"fwmark", "[options] --src ADDRESS:PORT --dst ADDRESS:PORT", "nfqueue-lb lookup", fwmark,
	 COUNT_OF(fwmark)},
	{"stats", "[options]", "nfqueue-lb stats", stats, COUNT_OF(stats)},
	{"loglevel", "[LEVEL]", "nfqueue-lb loglevel", shm_only, COUNT_OF(shm_only)},
	{"lb", "[options]", "nfqueue-lb run", run, COUNT_OF(run)},
	{"flowlb", "[options]", "nfqueue-lb run", run, COUNT_OF(run)},
	{"flow-set", "[options]", "nfqueue-lb flow-set", flow_set, COUNT_OF(flow_set)},
	{"flow-delete", "--name FLOW", "nfqueue-lb flow-delete", flow_name, COUNT_OF(flow_name)},
	{"flow-list", "", "nfqueue-lb flow-list", NULL, 0},
	{"trace", "[options]", "nfqueue-lb trace", trace, COUNT_OF(trace)},
	{"trace-flow-set", "[options]", "nfqueue-lb trace-flow-set", trace_flow_set, COUNT_OF(trace_flow_set)},
	{"trace-flow-delete", "--name FLOW", "nfqueue-lb trace-flow-delete", flow_name, COUNT_OF(flow_name)},
	{"trace-flow-list", "", "nfqueue-lb trace-flow-list", NULL, 0},
};

static void print_help(FILE *out)
{
	fputs("Usage: nfqlb COMMAND [options]\nRuns nfqueue-lb, with its old name, commands and options:\n", out);
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		fprintf(out, "  %-18s '%s'\n", commands[i].program, commands[i].runs);
	fputs("  primebelow         the largest prime below a number\n  version            print what this is\n", out);
}

static int prime(int argc, char **argv)
{
	if (argc != 2)
		fail(EXIT_USAGE, "Give 'nfqlb primebelow' one number.");
	printf("%u\n", prime_below(parse_number(argv[1], "The number", 0, UINT32_MAX)));
	return EXIT_OK;
}

static void add_mark(const struct old_command *command, struct words *words, const char *old, const char *name)
{
	const char *mark = old_value(command, old);

	if (mark && strcmp(mark, "-1"))
		words_add(words, "--%s=%s", name, mark);
}

static const char *or_else(const char *value, const char *otherwise)
{
	return value ? value : otherwise;
}

/* What nfqlb does without being asked. */
static void add_defaults(const struct old_command *command, const char *name, struct words *words)
{
	const bool flows = !strcmp(name, "flowlb");

	if (!strcmp(name, "init"))
		words_add(words, "--ports");
	if (!flows && strcmp(name, "lb"))
		return;
	words_add(words, "--queue=%s", or_else(old_value(command, "queue"), "2"));
	words_add(words, "--qlength=%s", or_else(old_value(command, "qlength"), "1024"));
	words_add(words, "--fragments");
	words_add(words, "--fragment-ttl=%s", or_else(old_value(command, "ft_ttl"), "200"));
	add_mark(command, words, "notargets_fwmark", "notargets-fwmark");
	if (!flows)
		return;
	words_add(words, "--flows");
	add_mark(command, words, "nolb_fwmark", "nolb-fwmark");
}

static __attribute__((noreturn)) void translate(const struct old_command *found, int argc, char **argv)
{
	struct old_command command = *found;
	struct words words = {0};
	char program[32];

	snprintf(program, sizeof(program), "nfqlb %s", found->program);
	command.program = program;
	int left = old_options(&command, argc, argv);
	words_add(&words, "nfqueue-lb");
	words_add(&words, "%s", strchr(found->runs, ' ') + 1);
	add_defaults(&command, found->program, &words);
	old_pass(&command, &words);
	if (command.options == flow_name && old_value(&command, "name"))
		words_add(&words, "%s", old_value(&command, "name"));
	for (int i = 0; i < left; i++)
		words_add(&words, "%s", argv[i]);
	words_run(&words);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	for (size_t i = 0; i < COUNT_OF(commands); i++)
		if (!strcmp(commands[i].program, name))
			translate(&commands[i], argc - 1, argv + 1);
	if (!strcmp(name, "primebelow"))
		return prime(argc - 1, argv + 1);
	if (!strcmp(name, "version")) {
		puts("nfqlb: an old name of 'nfqueue-lb'");
		return EXIT_OK;
	}
	if (!*name || !strcmp(name, "help") || !strcmp(name, "-h") || !strcmp(name, "--help")) {
		print_help(*name ? stdout : stderr);
		return *name ? EXIT_OK : EXIT_USAGE;
	}
	fail(EXIT_USAGE, "'nfqlb' has no command '%s'. See 'nfqlb help'.", name);
}
