// SPDX-License-Identifier: Apache-2.0
/* `xdp-lb try`: what a plane does with given frames, and how long it takes; nothing is attached, nothing is
 * sent. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf.h>

#include "balancer.h"
#include "steer_text.h"
#include "json/json.h"
#include "util/clock.h"
#include "util/hex.h"
#include "commands.h"

#define FRAME_MAX 2048
#define CALLS_MAX 1000

struct trial {
	enum steer_verdict verdict;
	uint8_t frame[FRAME_MAX];
	uint32_t length;
	uint32_t ns; /* per packet */
};

/* Its own, so that nothing else is counted. */
static struct user_counters user_counters;

static enum steer_verdict verdict_of(enum plane plane, uint32_t result)
{
	if (plane == PLANE_TC)
		return result == TC_ACT_REDIRECT ? STEER_FORWARD
		       : result == TC_ACT_SHOT	 ? STEER_DROP
						 : STEER_PASS;
	return result == XDP_REDIRECT || result == XDP_TX ? STEER_FORWARD
	       : result == XDP_PASS			  ? STEER_PASS
							  : STEER_DROP;
}

/* Runs of a frame that is ours again after each, until its hops are used up. */
static uint32_t hops_of(const struct trial *trial)
{
	const bool is_ip4 = trial->length > ETHERNET + 8 && trial->frame[12] == 8;
	const uint8_t hops = trial->length > ETHERNET + 8 ? trial->frame[ETHERNET + (is_ip4 ? 8 : 7)] : 0;

	return hops > 2 ? hops - 1 : 1;
}

/* In user space, over memory of exactly the frame's size, so that the sanitizers see any read beyond it. */
static void try_user(const struct balancer *balancer, struct trial *trial, uint32_t repeat)
{
	uint8_t *frame = malloc(trial->length ? trial->length : 1);
	const uint32_t rounds = repeat > 1 ? repeat * hops_of(trial) : 1;
	uint64_t began;

	if (!frame)
		fail(EXIT_ERROR, "Out of memory.");
	began = clock_ns();
	for (uint32_t i = 0; i < rounds; i++) {
		memcpy(frame, trial->frame, trial->length);
		trial->verdict = user_steer(&balancer->user, frame, trial->length, &user_counters);
	}
	trial->ns = (clock_ns() - began) / rounds;
	memcpy(trial->frame, frame, trial->length);
	free(frame);
}

static int by_size(const void *a, const void *b)
{
	return (*(const uint32_t *)a > *(const uint32_t *)b) - (*(const uint32_t *)a < *(const uint32_t *)b);
}

/*
 * 0, or an errno: the kernel tries no frame without a byte after its Ethernet header. To repeat it has to
 * patch itself, which takes some 10 ms, so the calls are few.
 */
static int try_kernel(const struct balancer *balancer, struct trial *trial, uint32_t calls)
{
	uint8_t out[FRAME_MAX + 512];
	uint32_t ns[CALLS_MAX];

	for (uint32_t i = 0; i < calls; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = trial->frame,
			    .data_size_in = trial->length, .data_out = out, .data_size_out = sizeof(out),
			    .repeat = calls > 1 ? (int)hops_of(trial) : 1);

		if (bpf_prog_test_run_opts(balancer->kernel.program, &options))
			return errno;
		ns[i] = options.duration;
		if (i + 1 < calls)
			continue;
		trial->verdict = verdict_of(balancer->settings.plane, options.retval);
		trial->length = options.data_size_out;
	}
	qsort(ns, calls, sizeof(*ns), by_size);
	trial->ns = ns[calls / 2];
	memcpy(trial->frame, out, trial->length < FRAME_MAX ? trial->length : FRAME_MAX);
	return 0;
}

static void counts_now(const struct balancer *balancer, uint64_t *counts, uint64_t *picks)
{
	balancer_counts(balancer, counts, picks);
	if (balancer->settings.plane != PLANE_USER)
		return;
	memcpy(counts, user_counters.count, sizeof(user_counters.count));
	memcpy(picks, user_counters.picked, balancer->settings.table.n * sizeof(*picks));
}

static void print_error(int error)
{
	struct text text = {0};

	json_object(&text, NULL);
	json_string(&text, "error", strerror(error));
	json_line(&text);
	text_print(&text, stdout);
	text_free(&text);
}

static void try_frame(const struct balancer *balancer, struct trial *trial, uint32_t repeat)
{
	static const char *const verdicts[] = {"pass", "drop", "forward"};
	uint64_t before[STEER_COUNTERS], after[STEER_COUNTERS], was[MAGLEV_N_MAX], is[MAGLEV_N_MAX];
	struct text text = {0};
	int error = 0, index = -1;

	counts_now(balancer, before, was);
	if (balancer->settings.plane == PLANE_USER)
		try_user(balancer, trial, repeat);
	else
		error = try_kernel(balancer, trial, repeat);
	if (error) {
		print_error(error);
		return;
	}
	counts_now(balancer, after, is);
	json_object(&text, NULL);
	json_string(&text, "verdict", verdicts[trial->verdict]);
	for (uint32_t i = 0; i < balancer->settings.table.n; i++)
		index = is[i] > was[i] ? (int)i : index;
	if (index < 0)
		json_null(&text, "index");
	else
		json_number(&text, "index", (uint64_t)index);
	json_number(&text, "ns", trial->ns);
	json_object(&text, "counted");
	for (unsigned i = 0; i < STEER_COUNTERS; i++)
		if (after[i] != before[i])
			json_number(&text, steer_counter_name(i), after[i] - before[i]);
	json_object_end(&text);
	json_hex(&text, "frame", trial->frame, trial->length);
	json_line(&text);
	text_print(&text, stdout);
	text_free(&text);
}

int command_try(const struct command *command, int argc, char **argv)
{
	static struct balancer balancer;
	static struct trial trial;
	uint32_t repeat = 1;
	const struct option_spec more[] = {
		{"repeat", 0, "N",
		 "run each frame N times, within its hop limit; \"ns\" is the median of one run",
		 .number = &repeat, .min = 1, .max = CALLS_MAX}};
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	settings_parse(&balancer.settings, balancer.members, command, argc, argv, false, more, 1);
	/* A frame that is repeated must be ours again. */
	for (uint32_t i = 0; repeat > 1 && i < balancer.settings.table.n; i++)
		memcpy(balancer.members[i].mac, balancer.settings.steer.own_mac, 6);
	balancer_load(&balancer, balancer.settings.plane != PLANE_USER ? &kernel_no_files : NULL);
	while ((length = getline(&line, &size, stdin)) > 0) {
		const size_t digits = strspn(line, "0123456789abcdefABCDEF");

		if (digits % 2 || digits / 2 > FRAME_MAX ||
		    strspn(line + digits, "\r\n") != (size_t)length - digits)
			fail(EXIT_USAGE, "A frame is an even number of hexadecimal digits, at most %d bytes.",
			     FRAME_MAX);
		trial.length = digits / 2;
		hex_read(line, digits, trial.frame);
		try_frame(&balancer, &trial, repeat);
	}
	free(line);
	return EXIT_OK;
}
