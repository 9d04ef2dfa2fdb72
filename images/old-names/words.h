// SPDX-License-Identifier: Apache-2.0
/* The command line of the program that does the work. */
#ifndef OLD_NAMES_WORDS_H
#define OLD_NAMES_WORDS_H

struct words {
	char **list;
	int n;
};

__attribute__((format(printf, 2, 3))) void words_add(struct words *words, const char *format, ...);

/* Becomes the program that the first word names: the one beside this one, else the one in the PATH. */
__attribute__((noreturn)) void words_run(struct words *words);

#endif
