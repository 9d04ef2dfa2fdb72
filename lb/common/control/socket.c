// SPDX-License-Identifier: Apache-2.0
#include "control/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/fail.h"
#include "control/address.h"

#define ANSWER_MAX (1 << 19)
#define PATIENCE_S 5

socklen_t control_address(const char *name, const char *suffix, struct sockaddr_un *address)
{
	/* Its first byte is 0: a name that lies in no file system. */
	const size_t room = sizeof(address->sun_path) - 1;
	const size_t size = strlen(name) + strlen(suffix);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(name) == 0 || size > room)
		fail(EXIT_USAGE, "--name takes 1 to %zu characters.", room - strlen(suffix));
	memcpy(address->sun_path + 1, name, strlen(name));
	memcpy(address->sun_path + 1 + strlen(name), suffix, strlen(suffix));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + size);
}

static void prepare(int fd)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	const int size = ANSWER_MAX;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int control_socket_listen(const char *name)
{
	struct sockaddr_un address;
	const socklen_t size = control_address(name, "", &address);
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, 16))
		fail(EXIT_ERROR,
		     errno == EADDRINUSE ? "A balancer named '%s' runs here already."
					 : "Cannot listen as '%s'.",
		     name);
	return fd;
}

bool control_is_trusted(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

void control_socket_serve(int listener, void *question, size_t room, control_socket_answer answer,
			  void *context)
{
	const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct text text = {0};
	ssize_t size;

	if (fd < 0)
		return;
	prepare(fd);
	size = control_is_trusted(fd) ? recv(fd, question, room, 0) : -1;
	if (size > 0) {
		answer(context, question, (size_t)size, &text);
		(void)!send(fd, text.data, text.length, MSG_NOSIGNAL);
		text_free(&text);
	}
	close(fd);
}

char *control_socket_ask(const char *program, const char *name, const void *question, size_t size)
{
	struct sockaddr_un address;
	const socklen_t address_size = control_address(name, "", &address);
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char *text = calloc(1, ANSWER_MAX + 1);
	ssize_t length;

	if (!text)
		fail(EXIT_ERROR, "Out of memory.");
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, address_size))
		fail(EXIT_ERROR,
		     "No balancer named '%s' runs in this network namespace. Start one with '%s run'.", name,
		     program);
	prepare(fd);
	if (send(fd, question, size, MSG_NOSIGNAL) < 0 || (length = recv(fd, text, ANSWER_MAX, 0)) <= 0)
		fail(EXIT_ERROR, "The balancer '%s' does not answer.", name);
	close(fd);
	if (text[0] == '!')
		fail(EXIT_ERROR, "%s", text + 1);
	return text;
}
