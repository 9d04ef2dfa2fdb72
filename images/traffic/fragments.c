/*
 * `traffic fragments`: sends UDP datagrams as fragments of its own making, each by a next hop drawn at
 * random, and counts which target received which of them whole.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "client.h"
#include "commands.h"
#include "datagram.h"
#include "fragment.h"
#include "limits.h"
#include "memory.h"
#include "options.h"
#include "out.h"

#define HOPS_MAX 16
#define BATCH 64
#define INTERLEAVED 4		    /* datagrams whose fragments are mixed */
#define HELD_NS (50 * NS_PER_MS)    /* for that they may wait so long */
#define DRAIN_NS (1000 * NS_PER_MS) /* and the last receipts may take so long */
#define SMALLEST 1600		    /* bytes of payload: more than an MTU */
#define SMALL_ENOUGH 6000	    /* for a datagram that is not to arrive, and waits at a receiver */
#define UDP_MAX (65535 - 48)

/* Of a datagram that was sent. */
struct sent {
	uint32_t flow;
	bool hurt, arrived;
};

struct tally {
	uint64_t sent, arrived, hurt, hurt_arrived, corrupt, repeated, elsewhere;
};

/* One datagram on its way out. */
struct outgoing {
	uint8_t *udp;
	struct fragment *list;
	uint32_t count, next;
};

struct generator {
	struct client client;
	struct sockaddr_ll hops[HOPS_MAX];
	uint32_t hops_n, mtu, bytes;
	enum pattern patterns[PATTERNS];
	uint32_t patterns_n;
	int packet_fd;
	uint64_t random, fragments, total, numbered, missing;
	uint64_t held_since_ns;
	struct outgoing alone, held[INTERLEAVED];
	uint32_t held_n;
	struct sent *sent;
	struct tally tallies[PATTERNS];
	/* A batch of fragments for one sendmmsg. */
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH][2];
	uint32_t batch_n;
};

static enum pattern pattern_of(const struct generator *g, uint32_t flow)
{
	return g->patterns[flow % g->patterns_n];
}

/* What the kernel does not take is lost, and shows as such. */
static void batch_send(struct generator *g)
{
	for (uint32_t from = 0; from < g->batch_n;) {
		int done = sendmmsg(g->packet_fd, g->messages + from, g->batch_n - from, 0);

		if (done < 0 && errno == EINTR)
			continue;
		from += done > 0 ? (uint32_t)done : 1;
	}
	g->batch_n = 0;
}

/* The headers and bytes must stay until the batch is sent. */
static void batch_add(struct generator *g, struct fragment *f, uint8_t *udp)
{
	const uint32_t i = g->batch_n++;
	struct sockaddr_ll *hop = &g->hops[random_next(&g->random) % g->hops_n];

	g->pieces[i][0] = (struct iovec){f->header, f->header_bytes};
	g->pieces[i][1] = (struct iovec){udp + f->at, f->bytes};
	g->messages[i].msg_hdr = (struct msghdr){
		.msg_name = hop, .msg_namelen = sizeof(*hop), .msg_iov = g->pieces[i], .msg_iovlen = 2};
	g->fragments++;
	if (g->batch_n == BATCH)
		batch_send(g);
}

/* Fragments of all these datagrams by turns. */
static void send_mixed(struct generator *g, struct outgoing *list, uint32_t n)
{
	for (uint32_t left = n; left > 0;) {
		left = 0;
		for (struct outgoing *o = list; o < list + n; o++) {
			if (o->next == o->count)
				continue;
			batch_add(g, &o->list[o->next++], o->udp);
			left++;
		}
	}
	batch_send(g);
}

static void send_held(struct generator *g)
{
	send_mixed(g, g->held, g->held_n);
	g->held_n = 0;
}

/* Sizes as they occur: every eighth is the largest, small ones are more frequent than large ones. */
static uint32_t draw_bytes(struct generator *g, bool hurt)
{
	const uint64_t draw = random_next(&g->random);
	uint32_t most = g->bytes;

	if (hurt && most > SMALL_ENOUGH)
		most = SMALL_ENOUGH;
	else if (draw % 8 == 0)
		return most;
	most = SMALLEST + (uint32_t)((draw >> 8) % (most - SMALLEST + 1));
	return SMALLEST + (uint32_t)((draw >> 40) % (most - SMALLEST + 1));
}

static void prepare(struct generator *g, struct outgoing *o, uint32_t flow, uint32_t number)
{
	struct client *client = &g->client;
	struct connection *c = &client->list[flow];
	const union address from = tuple_address(&client->tuples, client->set.address.any.sa_family,
						 (struct tuple){c->offset, c->port});
	const enum pattern pattern = pattern_of(g, flow);
	const bool second = number / client->count % 2;
	const bool hurt = pattern == PATTERN_HEADLESS ||
			  (second && (pattern == PATTERN_GAPS || pattern == PATTERN_OVERLAPPING));
	const struct datagram d = {flow, number, draw_bytes(g, hurt)};

	datagram_fill(&d, o->udp + UDP_HEADER);
	udp_header_write(o->udp, &from, &client->set.address, d.bytes);
	o->count = fragments_cut(&from, &client->set.address, number, UDP_HEADER + d.bytes, g->mtu, o->list);
	o->count = fragments_arrange(pattern, hurt, o->list, o->count, &g->random);
	o->next = 0;
	g->sent[number] = (struct sent){.flow = flow, .hurt = hurt};
	if (hurt) {
		g->tallies[pattern].hurt++;
		return;
	}
	g->tallies[pattern].sent++;
	g->missing++;
	client->totals.sent++;
	c->sent++;
}

/* Datagrams go round all flows. */
static void send_next(struct generator *g, uint64_t now)
{
	const uint32_t number = (uint32_t)g->numbered++, flow = number % g->client.count;
	struct connection *c = &g->client.list[flow];

	if (!c->opened_ns)
		c->opened_ns = now;
	if (pattern_of(g, flow) != PATTERN_INTERLEAVED) {
		prepare(g, &g->alone, flow, number);
		send_mixed(g, &g->alone, 1);
		return;
	}
	if (!g->held_n)
		g->held_since_ns = now;
	prepare(g, &g->held[g->held_n++], flow, number);
	if (g->held_n == INTERLEAVED)
		send_held(g);
}

static uint64_t due_ns(const struct generator *g, uint64_t number)
{
	return g->client.start_ns + (uint64_t)((double)number / g->client.set.rate * (double)NS_PER_S);
}

static void first_answer(struct generator *g, struct connection *c, uint16_t host, uint64_t now)
{
	c->host = host;
	c->established_ns = now;
	g->client.hosts.list[host].live++;
	g->client.alive++;
	g->client.totals.established++;
	g->client.first_established++;
}

static void take_receipt(struct generator *g, uint32_t flow, const struct receipt *receipt, uint16_t host,
			 uint64_t now)
{
	struct connection *c = &g->client.list[flow];
	struct tally *tally = &g->tallies[pattern_of(g, flow)];
	struct sent *sent;

	if (receipt->number >= g->numbered || receipt->flow != flow ||
	    g->sent[receipt->number].flow != flow || !receipt->whole) {
		tally->corrupt++;
		return;
	}
	sent = &g->sent[receipt->number];
	if (c->host == NO_HOST)
		first_answer(g, c, host, now);
	else if (c->host != host) {
		c->moved_to = host;
		tally->elsewhere++;
	}
	c->progress_ns = now;
	if (sent->arrived) {
		tally->repeated++;
		return;
	}
	sent->arrived = true;
	if (sent->hurt) {
		tally->hurt_arrived++;
		return;
	}
	tally->arrived++;
	g->missing--;
	c->received++;
	g->client.totals.received++;
	g->client.hist[hist_bucket((now - due_ns(g, receipt->number)) / NS_PER_US)]++;
}

static void read_receipts(struct generator *g, uint32_t flow)
{
	struct connection *c = &g->client.list[flow];
	uint8_t data[2048];
	ssize_t bytes;

	while ((bytes = recv(c->fd, data, sizeof(data), MSG_DONTWAIT)) >= 0) {
		struct receipt receipt;
		uint16_t host;

		if (!receipt_read(data, (uint32_t)bytes, &receipt))
			continue;
		host = hosts_index(&g->client.hosts, (const char *)data, HOST_NAME_BYTES);
		if (host != NO_HOST)
			take_receipt(g, flow, &receipt, host, now_ns());
	}
}

static void note_late(struct generator *g, uint64_t due, uint64_t now)
{
	struct client *client = &g->client;
	const uint64_t late = now - due;

	if (late > 50 * NS_PER_MS)
		client->totals.late_sends++;
	if (late > client->max_late_ns)
		client->max_late_ns = late;
	if (late > client->max_late_sample_ns)
		client->max_late_sample_ns = late;
}

static void send_due(struct generator *g)
{
	uint64_t now = now_ns();

	/* Not more at a time than a socket's worth of receipts may pile up meanwhile. */
	for (int i = 0; i < 32 && g->numbered < g->total && due_ns(g, g->numbered) <= now; i++) {
		note_late(g, due_ns(g, g->numbered), now);
		send_next(g, now);
		now = now_ns();
	}
	if (g->held_n && (now - g->held_since_ns > HELD_NS || g->numbered == g->total))
		send_held(g);
}

/* Milliseconds until something is due, at most until the next sample. */
static int wait_ms(const struct generator *g, uint64_t next_sample, uint64_t now)
{
	uint64_t until = next_sample;

	if (g->numbered < g->total && due_ns(g, g->numbered) < until)
		until = due_ns(g, g->numbered);
	if (g->held_n && g->held_since_ns + HELD_NS < until)
		until = g->held_since_ns + HELD_NS;
	return until <= now ? 0 : (int)((until - now + NS_PER_MS - 1) / NS_PER_MS);
}

static void sample(struct generator *g, uint64_t now)
{
	events_sample(&g->client, now);
	memset(g->client.hist, 0, sizeof(g->client.hist));
	g->client.max_late_sample_ns = 0;
}

static void loop(struct generator *g, int signal_fd)
{
	struct client *client = &g->client;
	struct epoll_event events[256], entry = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
	uint64_t next_sample = client->start_ns + client->set.sample_ns, ended = 0;

	epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, signal_fd, &entry);
	while (!ended || (g->missing && now_ns() < ended + DRAIN_NS)) {
		const uint64_t now = now_ns();
		int count;

		send_due(g);
		if (!ended && (g->numbered == g->total || client->stop))
			ended = now;
		if (now >= next_sample) {
			sample(g, now);
			next_sample = now + client->set.sample_ns;
		}
		out_flush();
		count = epoll_wait(client->epoll_fd, events, 256, wait_ms(g, next_sample, now_ns()));
		for (int i = 0; i < count; i++) {
			if (events[i].data.u64 != UINT64_MAX) {
				read_receipts(g, (uint32_t)events[i].data.u64);
				continue;
			}
			client->stop = true;
			g->total = g->numbered;
			epoll_ctl(client->epoll_fd, EPOLL_CTL_DEL, signal_fd, NULL);
		}
	}
}

static void tell_datagrams(const struct generator *g, uint64_t now)
{
	text_add(&out, "{\"event\":\"datagrams\",\"t\":%llu,\"fragments\":%llu,\"patterns\":[",
		 (unsigned long long)now, (unsigned long long)g->fragments);
	for (uint32_t i = 0; i < g->patterns_n; i++) {
		const struct tally *t = &g->tallies[g->patterns[i]];

		text_add(&out,
			 "%s{\"pattern\":\"%s\",\"sent\":%llu,\"arrived\":%llu,\"hurt\":%llu,"
			 "\"hurtArrived\":%llu,\"corrupt\":%llu,\"repeated\":%llu,\"elsewhere\":%llu}",
			 i ? "," : "", pattern_names[g->patterns[i]], (unsigned long long)t->sent,
			 (unsigned long long)t->arrived, (unsigned long long)t->hurt,
			 (unsigned long long)t->hurt_arrived, (unsigned long long)t->corrupt,
			 (unsigned long long)t->repeated, (unsigned long long)t->elsewhere);
	}
	text_add(&out, "]}\n");
}

static void finish(struct generator *g)
{
	struct client *client = &g->client;
	const uint64_t now = now_ns();

	events_all_established(client, now);
	sample(g, now);
	for (uint32_t i = 0; i < client->count; i++) {
		struct connection *c = &client->list[i];

		if (c->opened_ns)
			connection_row(client, c, c->moved_to == NO_HOST ? CAUSE_NONE : CAUSE_WRONG_TARGET,
				       now);
	}
	events_rows_flush(client, now);
	tell_datagrams(g, now);
	events_end(client, now_ns());
	out_drain();
}

/* Returns an exit code. */
static int open_sockets(struct generator *g)
{
	struct client *client = &g->client;

	if (!require_open_files(client->count + 16))
		return EXIT_ENVIRONMENT;
	client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t i = 0; i < client->count; i++) {
		struct connection *c = &client->list[i];
		int error;

		c->host = c->moved_to = NO_HOST;
		error = socket_open(client, c);
		if (error) {
			fprintf(stderr, "Cannot open the socket of flow %u: %s.\n", i, strerror(error));
			return EXIT_ENVIRONMENT;
		}
	}
	g->packet_fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (g->packet_fd < 0)
		fprintf(stderr, "Cannot open a packet socket: %s. CAP_NET_RAW is needed.\n", strerror(errno));
	return g->packet_fd < 0 ? EXIT_ENVIRONMENT : 0;
}

static void allocate_buffers(struct generator *g)
{
	struct outgoing *all[INTERLEAVED + 1] = {&g->alone};

	for (int i = 0; i < INTERLEAVED; i++)
		all[i + 1] = &g->held[i];
	for (int i = 0; i <= INTERLEAVED; i++) {
		all[i]->udp = allocate(UDP_HEADER + UDP_MAX);
		all[i]->list = allocate((2 * FRAGMENTS_MAX + 1) * sizeof(struct fragment));
	}
	g->sent = allocate(g->total * sizeof(*g->sent));
	g->client.list = allocate(g->client.count * sizeof(*g->client.list));
	hosts_init(&g->client.hosts);
}

static int run(struct generator *g)
{
	struct client *client = &g->client;
	sigset_t signals;
	int exit_code;

	client->count = client->set.connections;
	tuple_space_init(&client->tuples, &client->set.source, client->set.seed);
	g->random = client->set.seed;
	g->total = (uint64_t)((double)client->set.duration_ns / (double)NS_PER_S * client->set.rate);
	client->set.interval_ns = (uint64_t)((double)client->count / client->set.rate * (double)NS_PER_S);
	allocate_buffers(g);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	out_init();
	exit_code = open_sockets(g);
	if (exit_code)
		return exit_code;
	client->start_ns = now_ns();
	events_start(client);
	loop(g, signalfd(-1, &signals, SFD_CLOEXEC));
	finish(g);
	return 0;
}

/* "00:00:00:01:02:c9,..." */
static bool parse_hops(const char *text, void *to)
{
	struct generator *g = to;
	int used;

	for (g->hops_n = 0; g->hops_n < HOPS_MAX; text += used + 1) {
		struct sockaddr_ll *hop = &g->hops[g->hops_n++];
		uint8_t *mac = hop->sll_addr;

		if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", mac, mac + 1, mac + 2, mac + 3,
			   mac + 4, mac + 5, &used) != 6)
			return false;
		hop->sll_halen = 6;
		if (text[used] != ',')
			return text[used] == '\0';
	}
	return false;
}

static bool parse_patterns(const char *text, void *to)
{
	struct generator *g = to;

	for (g->patterns_n = 0; g->patterns_n < PATTERNS;) {
		const size_t length = strcspn(text, ",");
		int found = 0;

		while (found < PATTERNS && (strlen(pattern_names[found]) != length ||
					    strncmp(pattern_names[found], text, length) != 0))
			found++;
		if (found == PATTERNS)
			return false;
		g->patterns[g->patterns_n++] = (enum pattern)found;
		if (!text[length])
			return true;
		text += length + 1;
	}
	return false;
}

static int check(struct generator *g, const char *device)
{
	const struct settings *set = &g->client.set;
	const unsigned index = device ? if_nametoindex(device) : 0;

	if (set->address.any.sa_family == AF_UNSPEC)
		return usage_error("Option --address is missing. Give HOST:PORT, IPv6 as [1000::]:6001.");
	if (set->source.family != set->address.any.sa_family)
		return usage_error("Option --src is missing, or not of the family of --address.");
	if (!device || !index || !g->hops_n)
		return usage_error(
			"Give the way out: --device of this machine, and --via with the MAC addresses "
			"of the next hops.");
	if (!set->connections || set->connections > 100000)
		return usage_error("Bad --connections: expected 1 to 100000.");
	if (g->bytes < SMALLEST || g->bytes > UDP_MAX)
		return usage_error("Bad --size: expected %d to %d.", SMALLEST, UDP_MAX);
	if (g->mtu < 256 || g->mtu > 1500)
		return usage_error("Bad --mtu: expected 256 to 1500.");
	if (set->rate <= 0 || (double)set->duration_ns / (double)NS_PER_S * set->rate > 1e8)
		return usage_error("Bad --rate: expected more than 0, and no more than 100000000 in all.");
	for (uint32_t i = 0; i < g->hops_n; i++) {
		g->hops[i].sll_family = AF_PACKET;
		g->hops[i].sll_ifindex = (int)index;
		g->hops[i].sll_protocol = htons(set->source.family == AF_INET ? ETH_P_IP : ETH_P_IPV6);
	}
	return 0;
}

int fragments_main(char **arguments)
{
	static struct generator g = {.client.set = {.mode = MODE_FRAGMENTS,
						    .seed = 1,
						    .connections = 100,
						    .part.count = 1,
						    .rate = 1000,
						    .duration_ns = 10 * NS_PER_S,
						    .sample_ns = 250 * NS_PER_MS,
						    .udp = true,
						    .rows = true},
				     .bytes = 30000,
				     .mtu = 1500};
	const char *device = NULL;
	struct settings *set = &g.client.set;
	const struct option_spec table[] = {
		{"address", parse_endpoint, &set->address, "HOST:PORT", "where to; IPv6 as [1000::]:6001"},
		{"src", parse_cidr, &set->source, "CIDR", "network the sources are drawn from"},
		{"device", parse_string, &device, "NAME", "network device to send by"},
		{"via", parse_hops, &g, "MAC,...", "next hops; each fragment takes one at random"},
		{"connections", parse_u32, &set->connections, "COUNT", "flows (100)"},
		{"rate", parse_rate, &set->rate, "NUMBER", "datagrams per second over all flows (1000)"},
		{"duration", parse_duration, &set->duration_ns, "TIME", "how long (10s)"},
		{"size", parse_u32, &g.bytes, "BYTES", "in the largest datagrams (30000)"},
		{"mtu", parse_u32, &g.mtu, "BYTES", "in the largest fragments (1500)"},
		{"patterns", parse_patterns, &g, "NAME,...",
		 "in_order, reversed, shuffled, gaps, interleaved, duplicated, overlapping (all of these), "
		 "headless"},
		{"seed", parse_u64, &set->seed, "NUMBER", "the same seed gives the same 5-tuples (1)"},
		{"sample", parse_duration, &set->sample_ns, "TIME", "between sample lines (250ms)"},
		{0},
	};
	const struct command_spec command = {
		"fragments",
		"Sends datagrams as fragments in evil orders, and counts which came through whole.",
		"traffic fragments --address 10.0.0.0:6001 --src 50.0.0.0/16 --device eth2 --via "
		"00:00:00:01:02:c9",
		table};
	int exit_code;

	for (g.patterns_n = 0; g.patterns_n < PATTERN_HEADLESS; g.patterns_n++)
		g.patterns[g.patterns_n] = (enum pattern)g.patterns_n;
	if (!options_read(&command, arguments, &exit_code))
		return exit_code;
	exit_code = check(&g, device);
	return exit_code ? exit_code : run(&g);
}
