// SPDX-License-Identifier: Apache-2.0
/* A process hands the end of a pipe over to another one, and refuses one that does not fit. */
#include "control/handover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/check.h"

static char name[32];

/* The one that runs: hands over to whoever brings its terms, and says so by its exit code. */
static int predecessor(int ready, const struct handover_terms *own)
{
	const int listener = handover_listen(name);
	int ends[2];

	CHECK(write(ready, "", 1) == 1, "nobody waits for it");
	CHECK(pipe(ends) == 0, "no pipe");
	CHECK(write(ends[1], "waits", 5) == 5, "nothing waits");
	for (;;) {
		struct handover_terms wanted;
		const int successor = handover_accept(listener, &wanted);

		if (successor >= 0 && memcmp(&wanted, own, sizeof(wanted)) == 0)
			return handover_give(successor, ends, 2) ? 0 : 1;
		if (successor >= 0)
			close(successor);
	}
}

/* Ends by the sentence of fail(). */
static int refused(const struct handover_terms *terms)
{
	const pid_t child = fork();
	int files[HANDOVER_FILES_MAX], before, status;

	if (child == 0) {
		fclose(stderr);
		handover_take("test", name, terms, files, &before);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status), "the one that is refused does not end");
	return WEXITSTATUS(status);
}

int main(void)
{
	const struct handover_terms own = {{1, 2}}, other = {{1, 3}};
	int files[HANDOVER_FILES_MAX], before, status, ready[2];
	char waiting[8] = "";
	pid_t child;

	snprintf(name, sizeof(name), "handover-test-%d", (int)getpid());
	CHECK(refused(&own) != 0, "there is nobody to take over from, and it is taken over");
	CHECK(pipe(ready) == 0, "no pipe");
	child = fork();
	if (child == 0)
		_exit(predecessor(ready[1], &own));
	CHECK(read(ready[0], waiting, 1) == 1, "it does not begin");
	CHECK(refused(&other) != 0, "terms that differ are taken");
	CHECK(handover_take("test", name, &own, files, &before) == 2, "not both files came");
	handover_done(before);
	CHECK(waitpid(child, &status, WNOHANG) == child && status == 0, "the one before is still there");
	memset(waiting, 0, sizeof(waiting));
	CHECK(read(files[0], waiting, sizeof(waiting)) == 5 && strcmp(waiting, "waits") == 0, "what waited in the pipe is gone");
	return check_report("handover");
}
