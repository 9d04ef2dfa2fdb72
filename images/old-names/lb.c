// SPDX-License-Identifier: Apache-2.0
/* xcluster's first programs, by the name that this one has: maglev, and lb with its commands; for nfqueue-lb. */
#include <errno.h>
#include <string.h>

#include "words.h"

int main(int argc, char **argv)
{
	struct words words = {0};

	words_add(&words, "nfqueue-lb");
	if (!strcmp(program_invocation_short_name, "maglev"))
		words_add(&words, "maglev");
	for (int i = 1; i < argc; i++)
		words_add(&words, "%s", argv[i]);
	/* Behind the command, where the user's own option still has the last word. */
	if (argc == 2 && !strcmp(argv[1], "run"))
		words_add(&words, "--queue=2");
	words_run(&words);
}
