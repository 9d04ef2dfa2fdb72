// SPDX-License-Identifier: Apache-2.0
/* Options as the old programs take them: -name value, -name=value, --name, and -flag=false. */
#ifndef OLD_NAMES_OLD_H
#define OLD_NAMES_OLD_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "words.h"

struct old_option {
	const char *name;
	const char *wants;   /* NULL: a flag */
	const char *help;    /* NULL: not here */
	const char *to;	     /* our option; NULL: see the program, or nothing */
	const char *instead; /* a sentence: why it is refused; or, where there is help, what is done without it */
	const char *value;   /* as given, the last one; a flag's is "true" or "false" */
};

struct old_command {
	const char *program; /* "nfqlb show" */
	const char *usage;   /* behind the program's name */
	const char *runs;    /* the program of ours behind it */
	struct old_option *options;
	size_t n;
};

/* Fills in the values, moves what is no option to the front of argv and returns how many those are. Handles
 * help; exits with a sentence where something is wrong. */
int old_options(const struct old_command *command, int argc, char **argv);

/* Parses the words of a program without arguments; none at all ask for help, and -version ends it. */
void old_start(const struct old_command *command, int argc, char **argv);

/* The value of an option, or NULL. */
const char *old_value(const struct old_command *command, const char *name);
bool old_flag(const struct old_command *command, const char *name);

/* Adds all options that have a name here. */
void old_pass(const struct old_command *command, struct words *words);

__attribute__((noreturn)) void old_invalid(const char *name, const char *value, const char *wanted);

#endif
