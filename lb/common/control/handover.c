// SPDX-License-Identifier: Apache-2.0
#include "control/handover.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/fail.h"
#include "control/address.h"

#define PATIENCE_MS 5000

int handover_listen(const char *name)
{
	struct sockaddr_un address;
	const socklen_t size = control_address(name, ".next", &address);
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, 1))
		fail(EXIT_ERROR, "Cannot listen for a successor as '%s': %s.", name, strerror(errno));
	return fd;
}

int handover_accept(int listener, struct handover_terms *terms)
{
	const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	if (fd < 0)
		return -1;
	if (control_is_trusted(fd) && poll(&ready, 1, PATIENCE_MS) == 1 &&
	    recv(fd, terms, sizeof(*terms), 0) == sizeof(*terms))
		return fd;
	close(fd);
	return -1;
}

union file_list {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(HANDOVER_FILES_MAX * sizeof(int))];
};

static struct msghdr message_with(struct iovec *text, union file_list *list, uint32_t n)
{
	return (struct msghdr){.msg_iov = text,
			       .msg_iovlen = 1,
			       .msg_control = list,
			       .msg_controllen = CMSG_SPACE(n * sizeof(int))};
}

bool handover_give(int connection, const int *files, uint32_t n)
{
	union file_list list = {0};
	struct iovec text = {.iov_base = &n, .iov_len = sizeof(n)};
	struct msghdr message = message_with(&text, &list, n);

	list.header = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(n * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&list.header), files, n * sizeof(int));
	return sendmsg(connection, &message, MSG_NOSIGNAL) == sizeof(n);
}

static uint32_t receive_files(int connection, int *files)
{
	union file_list list = {0};
	uint32_t n = 0;
	struct iovec text = {.iov_base = &n, .iov_len = sizeof(n)};
	struct msghdr message = message_with(&text, &list, HANDOVER_FILES_MAX);

	if (recvmsg(connection, &message, MSG_CMSG_CLOEXEC) != sizeof(n) || message.msg_controllen == 0 ||
	    list.header.cmsg_type != SCM_RIGHTS || n > HANDOVER_FILES_MAX ||
	    list.header.cmsg_len != CMSG_LEN(n * sizeof(int)))
		return 0;
	memcpy(files, CMSG_DATA(&list.header), n * sizeof(int));
	return n;
}

/* A file that becomes readable when the process at the other end has ended, with all that it had open. */
static int process_of(int connection)
{
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);

	getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	return (int)syscall(SYS_pidfd_open, peer.pid, 0);
}

uint32_t handover_take(const char *program, const char *name, const struct handover_terms *terms, int *files,
		       int *before)
{
	struct sockaddr_un address;
	const socklen_t size = control_address(name, ".next", &address);
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	uint32_t n = 0;

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, size))
		fail(EXIT_ERROR,
		     "No balancer named '%s' runs in this network namespace, so none can be taken over. Start %s "
		     "without --take-over.",
		     name, program);
	*before = process_of(fd);
	if (*before < 0)
		fail(EXIT_ERROR, "Cannot watch the balancer '%s': %s.", name, strerror(errno));
	if (send(fd, terms, sizeof(*terms), MSG_NOSIGNAL) == sizeof(*terms) && poll(&ready, 1, PATIENCE_MS) == 1)
		n = receive_files(fd, files);
	if (n == 0)
		fail(EXIT_ERROR, "The balancer '%s' does not hand over to one with these options.", name);
	close(fd);
	return n;
}

void handover_done(int before)
{
	struct pollfd ended = {.fd = before, .events = POLLIN};

	if (poll(&ended, 1, PATIENCE_MS) != 1)
		fail(EXIT_ERROR, "The balancer that handed over does not end.");
	close(before);
}
