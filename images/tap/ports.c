// SPDX-License-Identifier: Apache-2.0
#ifdef FLIGHT_OBJECT
#include "ports.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bpf/bpf.h>

/* Where a program stands: a hook, and a place at it. */
#define HOOK(NAME, IFINDEX)                                                                                  \
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, NAME, .ifindex = (int)(IFINDEX), .attach_point = BPF_TC_INGRESS)
#define PLACE .handle = 1, .priority = 1

/* enum bpf_attach_type: since Linux 6.6, and later than the headers that this is built with. */
#define TCX_INGRESS 46
/*
 * So many ports get a link of TCX each: it costs a packet half of what a classifier does, but the kernel
 * waits for a grace period at each, 4 s for 200 ports instead of 0.2 s.
 */
#define LINKED_PORTS 32

/* Returns what stands there then: a link, CLASSIFIER, or NO_PROGRAM. */
static int attach_to(int program, uint32_t ifindex, bool linked)
{
	HOOK(hook, ifindex);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, options, PLACE, .flags = BPF_TC_F_REPLACE, .prog_fd = program);
	const int link = linked ? bpf_link_create(program, (int)ifindex, TCX_INGRESS, NULL) : NO_PROGRAM;

	if (link >= 0)
		return link;
	bpf_tc_hook_create(&hook);
	return bpf_tc_attach(&hook, &options) == 0 ? CLASSIFIER : NO_PROGRAM;
}

/* False: it is a port, which is named after its machine and net, and is not listened to. */
static bool attach(struct ports *ports, uint32_t ifindex, const char *name)
{
	const int program = out_is_tester(ports->out, name) ? ports->on_tester : ports->on_other;

	if (!strchr(name, '.') || (ifindex < PORTS_MAX && ports->attached[ifindex] != NO_PROGRAM))
		return true;
	if (ifindex >= PORTS_MAX)
		return false;
	ports->attached[ifindex] = attach_to(program, ifindex, ports->n < LINKED_PORTS);
	if (ports->attached[ifindex] == NO_PROGRAM)
		return false;
	ports->n++;
	/* Its machine may be gone when its frames are written. */
	out_port(ports->out, ifindex);
	return true;
}

/* Returns how many ports are not listened to. */
static uint32_t attach_all(struct ports *ports)
{
	struct if_nameindex *devices = if_nameindex();
	uint32_t deaf = 0;

	for (struct if_nameindex *device = devices; device && device->if_index; device++)
		deaf += !attach(ports, device->if_index, device->if_name);
	if_freenameindex(devices);
	return deaf;
}

bool ports_open(struct ports *ports, const struct bpf_object *object, struct out *out)
{
	const struct sockaddr_nl links = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};

	ports->out = out;
	for (uint32_t i = 0; i < PORTS_MAX; i++)
		ports->attached[i] = NO_PROGRAM;
	ports->on_tester = bpf_program__fd(bpf_object__find_program_by_name(object, "on_tester"));
	ports->on_other = bpf_program__fd(bpf_object__find_program_by_name(object, "on_other"));
	ports->links = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (ports->links < 0 || bind(ports->links, (const struct sockaddr *)&links, sizeof(links)))
		return false;
	return attach_all(ports) == 0 && ports->n > 0;
}

void ports_take_changes(struct ports *ports)
{
	char message[8192];
	bool any = false;

	while (recv(ports->links, message, sizeof(message), 0) >= 0)
		any = true;
	if (any)
		ports->out->counts.untracked += attach_all(ports);
}

static void detach(int attached, uint32_t ifindex)
{
	HOOK(hook, ifindex);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, program, PLACE);

	if (attached == CLASSIFIER)
		bpf_tc_detach(&hook, &program);
	else if (attached != NO_PROGRAM)
		close(attached);
}

void ports_close(struct ports *ports)
{
	if (ports->links < 0)
		return;
	for (uint32_t i = 0; i < PORTS_MAX; i++) {
		detach(ports->attached[i], i);
		ports->attached[i] = NO_PROGRAM;
	}
	close(ports->links);
	ports->links = -1;
}
#endif
