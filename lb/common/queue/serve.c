// SPDX-License-Identifier: Apache-2.0
#include "queue/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/fail.h"
#include "queue/settle.h"

int queue_serve(const struct serving *serving, void *worker)
{
	struct batch batch;
	int error = batch_init(&batch, serving->batch, serving->copy, serving->answer) ? 0 : ENOMEM;

	if (!error)
		error = settle(serving->batch > 1, serving->cpu);
	while (!error && !atomic_load(serving->stop))
		error = serving->serve(worker, &batch);
	batch_free(&batch);
	if (error)
		kill(getpid(), SIGTERM);
	return error;
}

int queue_join(pthread_t thread, uint16_t queue, const int *error)
{
	pthread_join(thread, NULL);
	if (!*error)
		return EXIT_OK;
	fprintf(stderr, "Queue %u failed: %s.\n", queue, strerror(*error));
	return EXIT_ERROR;
}
