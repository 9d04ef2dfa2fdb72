// SPDX-License-Identifier: Apache-2.0
#include "control.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "balancer.h"
#include "table/table_text.h"

#define ANSWER_MAX 65536
#define PATIENCE_S 5

/* Its first byte is 0: a name that lies in no file system. */
static socklen_t address_of(const char *name, struct sockaddr_un *address)
{
	const size_t room = sizeof(address->sun_path) - 1;

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(name) == 0 || strlen(name) > room)
		fail(EXIT_USAGE, "--name takes 1 to %zu characters.", room);
	memcpy(address->sun_path + 1, name, strlen(name));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

static void be_patient(int fd)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

int control_listen(const char *name)
{
	struct sockaddr_un address;
	const socklen_t size = address_of(name, &address);
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, 16))
		fail(EXIT_ERROR,
		     errno == EADDRINUSE ? "A balancer named '%s' runs here already."
					 : "Cannot listen as '%s'.",
		     name);
	return fd;
}

static void answer(const struct control_message *message, size_t size, struct balancer *balancer,
		   struct text *out)
{
	const size_t header = offsetof(struct control_message, members);
	const uint32_t n = balancer->settings.table.n;
	struct member members[MAGLEV_N_MAX] = {0};
	struct table_publication done;
	int error;

	if (size < header || size != header + message->n * sizeof(struct member)) {
		text_add(out, "!The request is not of this version of xdp-lb.");
		return;
	}
	switch (message->request) {
	case CONTROL_SET:
		for (uint32_t i = 0; i < message->n; i++) {
			if (i >= n && message->members[i].active) {
				text_add(out, "!A target's index must be within 0..%u, not %u.", n - 1, i);
				return;
			}
			members[i] = message->members[i];
		}
		error = balancer_publish(balancer, members, &done);
		if (error)
			text_add(out, "!Cannot publish the table: %s.", strerror(error));
		else
			table_publication_json(out, &done);
		break;
	case CONTROL_SHOW:
		balancer_table_json(balancer, out);
		break;
	case CONTROL_STATS:
		balancer_stats_json(balancer, out);
		break;
	default:
		text_add(out, "!The request is unknown to this version of xdp-lb.");
	}
}

/* Whoever is in the network namespace can connect, but only our own user is answered. */
static bool is_trusted(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

void control_serve(int listener, struct balancer *balancer)
{
	static struct control_message message;
	const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct text text = {0};
	ssize_t size;

	if (fd < 0)
		return;
	be_patient(fd);
	size = is_trusted(fd) ? recv(fd, &message, sizeof(message), 0) : -1;
	if (size > 0) {
		answer(&message, (size_t)size, balancer, &text);
		(void)!send(fd, text.data, text.length, MSG_NOSIGNAL);
		text_free(&text);
	}
	close(fd);
}

char *control_ask(const char *name, const struct control_message *message)
{
	struct sockaddr_un address;
	const socklen_t size = address_of(name, &address);
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char *text = calloc(1, ANSWER_MAX + 1);
	ssize_t length;

	if (!text)
		fail(EXIT_ERROR, "Out of memory.");
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, size))
		fail(EXIT_ERROR,
		     "No balancer named '%s' runs in this network namespace. Start one with 'xdp-lb run'.",
		     name);
	be_patient(fd);
	if (send(fd, message, offsetof(struct control_message, members) + message->n * sizeof(struct member),
		 MSG_NOSIGNAL) < 0 ||
	    (length = recv(fd, text, ANSWER_MAX, 0)) <= 0)
		fail(EXIT_ERROR, "The balancer '%s' does not answer.", name);
	close(fd);
	if (text[0] == '!')
		fail(EXIT_ERROR, "%s", text + 1);
	return text;
}
