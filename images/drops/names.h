/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel calls its reasons and the places in its code. */
#ifndef DROPS_NAMES_H
#define DROPS_NAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <bpf/btf.h>

/* Whether a tracepoint ("kfree_skb") has at least so many arguments. */
bool names_tells(const struct btf *kernel, const char *tracepoint, uint32_t arguments);

/* NULL: the kernel has none of that name. Looks through all types: some milliseconds. */
const struct btf_type *names_enum(const struct btf *kernel, const char *name);

/* The value of an enumerator; `otherwise`: the kernel has none of that name. */
uint32_t names_value(const struct btf *kernel, const char *type, const char *name, uint32_t otherwise);

/* The name of a value without the kernel's prefix: "IP_RPFILTER"; "?": it has none. */
const char *names_reason(const struct btf *kernel, const struct btf_type *type, uint32_t value);

#define PLACES_MAX 64
#define PLACE_LENGTH 48

/* Addresses in the kernel's code, and the functions that they are in. */
struct places {
	uint32_t n;
	struct place {
		uint64_t address, begin;
		char name[PLACE_LENGTH];
	} of[PLACES_MAX];
};

/* Whether it is a new one, whose name is to be found; beyond PLACES_MAX none is. */
bool places_add(struct places *places, uint64_t address);

/* Finds the functions' names, which stay empty where the kernel does not tell its addresses. */
void places_name(struct places *places);

/* "" : not known. */
const char *places_find(const struct places *places, uint64_t address);

#endif
