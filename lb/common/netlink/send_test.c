// SPDX-License-Identifier: Apache-2.0
/* Messages over a socket that takes less than all of them at once, and one that has no memory for a while.
 * The test's send() (-Wl,--wrap=send) fails as a kernel does. */
#include "netlink/send.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "util/check.h"

#define MESSAGES 1024
#define EACH 296 /* a verdict and a conntrack entry */

static uint8_t messages[MESSAGES * EACH];
static uint32_t taken, calls, refuse_above, fail_next, fail_with, broken_message;

static uint32_t number_at(const uint8_t *message)
{
	uint32_t number;

	memcpy(&number, message + sizeof(struct nlmsghdr), sizeof(number));
	return number;
}

ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);

ssize_t __wrap_send(int fd, const void *data, size_t size, int flags)
{
	const uint8_t *at = data;

	CHECK(fd == 7 && flags == 0, "socket %d", fd);
	if (size > refuse_above) {
		errno = EMSGSIZE;
		return -1;
	}
	if (fail_next > 0) {
		fail_next--;
		errno = (int)fail_with;
		return -1;
	}
	/* All of them or none: it is memory for the call that is missing. */
	for (size_t i = 0; i < size; i += EACH) {
		if (number_at(at + i) == broken_message) {
			errno = ENOBUFS;
			return -1;
		}
	}
	for (size_t i = 0; i < size; i += EACH, taken++)
		CHECK(number_at(at + i) == taken + (taken >= broken_message), "message %u comes as the %u-th",
		      number_at(at + i), taken);
	CHECK(size % EACH == 0, "%zu bytes are no whole messages", size);
	calls++;
	return (ssize_t)size;
}

static int send_all(struct netlink_sent *sent)
{
	*sent = (struct netlink_sent){0};
	taken = calls = 0;
	for (uint32_t i = 0; i < MESSAGES; i++) {
		struct nlmsghdr *message = (struct nlmsghdr *)(messages + i * EACH);

		*message = (struct nlmsghdr){.nlmsg_len = EACH};
		memcpy(message + 1, &i, sizeof(i));
	}
	return netlink_send_all(7, messages, sizeof(messages), sent);
}

int main(void)
{
	struct netlink_sent sent;

	refuse_above = UINT32_MAX, broken_message = UINT32_MAX;
	CHECK(send_all(&sent) == 0 && taken == MESSAGES && sent.calls == 1, "all at once");
	refuse_above = 212992 - 32; /* what a socket takes that nobody has sized */
	CHECK(send_all(&sent) == 0 && taken == MESSAGES && sent.skipped == 0, "%u taken", taken);
	CHECK(sent.calls == calls && calls >= 2 && calls <= 4, "%u calls", calls);
	refuse_above = EACH;
	CHECK(send_all(&sent) == 0 && taken == MESSAGES && calls == MESSAGES, "one by one: %u", taken);
	refuse_above = UINT32_MAX, fail_next = 5, fail_with = ENOBUFS;
	CHECK(send_all(&sent) == 0 && taken == MESSAGES && sent.skipped == 0, "no buffers for a while: %u",
	      taken);
	fail_next = 3, fail_with = EINTR;
	CHECK(send_all(&sent) == 0 && taken == MESSAGES && calls == 1, "a signal: %u calls", calls);
	broken_message = 500;
	CHECK(send_all(&sent) == 0 && taken == MESSAGES - 1 && sent.skipped == 1, "one is skipped: %lu",
	      (unsigned long)sent.skipped);
	broken_message = UINT32_MAX, refuse_above = EACH - 1;
	CHECK(send_all(&sent) == 0 && taken == 0 && sent.skipped == MESSAGES, "all are too large: %lu",
	      (unsigned long)sent.skipped);
	refuse_above = UINT32_MAX, fail_next = 1, fail_with = ECONNREFUSED;
	CHECK(send_all(&sent) == ECONNREFUSED && taken == 0, "a socket of no use");
	return check_report("netlink_send");
}
