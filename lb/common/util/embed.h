/* SPDX-License-Identifier: Apache-2.0 */
/* A file as a part of the program: its bytes from NAME to NAME_end. */
#ifndef LB_EMBED_H
#define LB_EMBED_H

#define EMBED(NAME, FILE)                         \
	__asm__(".section .rodata\n"              \
		".balign 8\n" #NAME ":\n"         \
		".incbin \"" FILE "\"\n" #NAME    \
		"_end:\n"                         \
		".previous\n");                   \
	extern const char NAME[], NAME##_end[]

#endif
