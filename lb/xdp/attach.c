// SPDX-License-Identifier: Apache-2.0
/* Where frames meet the program: an XDP link, or a filter of TC. */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "control/address.h"
#include "kernel.h"

static void attach_xdp(struct kernel *kernel)
{
	const struct settings *settings = kernel->settings;
	LIBBPF_OPTS(bpf_link_create_opts, options,
		    .flags = settings->native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	const char *mode = settings->native ? "native" : "generic";

	/* A link is a file: the kernel detaches the program when the last one who has it open ends, however
	 * it ends. */
	kernel->link = bpf_link_create(kernel->program, settings->ifindex, BPF_XDP, &options);
	if (kernel->link >= 0)
		return;
	if (errno == EBUSY || errno == EEXIST)
		fail(EXIT_ERROR,
		     "Cannot attach to '%s': another XDP program is attached there, or to a device above it.",
		     settings->device);
	if (errno == EOPNOTSUPP)
		fail(EXIT_ERROR, "Cannot attach to '%s': its driver has no %s XDP. Try --mode %s.",
		     settings->device, mode, settings->native ? "generic" : "native");
	fail(EXIT_ERROR, "Cannot attach to '%s' in %s mode: %s.", settings->device, mode, strerror(errno));
}

static const struct bpf_tc_opts FILTER = {.sz = sizeof(FILTER), .handle = 1, .priority = 1};

/* The name of a socket that a balancer has as long as it lives: its filter outlives it, and does not tell. -1: another one has it. */
static int claim(int ifindex)
{
	struct sockaddr_un address;
	char device[16];
	socklen_t size;
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(device, sizeof(device), "%d", ifindex);
	size = control_address(DEFAULT_NAME " has the filter of interface ", device, &address);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Whether the filter that is there is of a balancer. */
static bool is_ours(const struct bpf_tc_hook *hook)
{
	struct bpf_tc_opts filter = FILTER;
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);
	int program;

	if (bpf_tc_query(hook, &filter))
		return false;
	program = bpf_prog_get_fd_by_id(filter.prog_id);
	if (program < 0)
		return false;
	if (bpf_obj_get_info_by_fd(program, &info, &size))
		info.name[0] = '\0';
	close(program);
	return strcmp(info.name, "steer_tc") == 0;
}

static void attach_tc(struct kernel *kernel, int program)
{
	struct bpf_tc_opts filter = FILTER;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = kernel->settings->ifindex, .attach_point = BPF_TC_INGRESS);
	int error = bpf_tc_hook_create(&hook);

	if (error && error != -EEXIST)
		kernel_refused("make a clsact queueing discipline", -error);
	kernel->clsact = !error;
	kernel->claim = claim(kernel->settings->ifindex);
	/* Its owner was killed, or has handed over. */
	filter.flags = kernel->claim >= 0 && is_ours(&hook) ? BPF_TC_F_REPLACE : 0;
	filter.prog_fd = program;
	error = bpf_tc_attach(&hook, &filter);
	if (!error) {
		kernel->filter = true;
		return;
	}
	kernel_detach(kernel);
	if (error == -EEXIST)
		fail(EXIT_ERROR,
		     "Cannot attach to '%s': another filter is there. Remove it with 'tc filter del dev %s "
		     "ingress pref 1'.",
		     kernel->settings->device, kernel->settings->device);
	kernel_refused("attach a TC filter", -error);
}

void kernel_attach(struct kernel *kernel, int link)
{
	kernel->link = link;
	if (link >= 0 && bpf_link_update(link, kernel->program, NULL))
		kernel_refused("replace the program of the balancer before", errno);
	if (kernel->settings->plane == PLANE_TC)
		attach_tc(kernel, kernel->program);
	else if (link < 0)
		attach_xdp(kernel);
	if (kernel->large >= 0)
		attach_tc(kernel, kernel->large);
}

void kernel_detach(struct kernel *kernel)
{
	const struct bpf_tc_opts filter = FILTER;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = kernel->settings->ifindex, .attach_point = BPF_TC_INGRESS);

	if (kernel->link >= 0)
		close(kernel->link);
	kernel->link = -1;
	if (kernel->claim >= 0)
		close(kernel->claim);
	kernel->claim = -1;
	if (kernel->filter)
		bpf_tc_detach(&hook, &filter);
	/* Both directions at once are how libbpf says: the queueing discipline itself. */
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	if (kernel->clsact)
		bpf_tc_hook_destroy(&hook);
	kernel->filter = kernel->clsact = false;
}
