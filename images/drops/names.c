// SPDX-License-Identifier: Apache-2.0
#include "names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool names_tells(const struct btf *kernel, const char *tracepoint, uint32_t arguments)
{
	char name[64];
	const struct btf_type *type;
	int id;

	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	id = btf__find_by_name_kind(kernel, name, BTF_KIND_TYPEDEF);
	if (id < 0)
		return false;
	/* A typedef of a pointer to a function, whose first parameter is the tracepoint's own. */
	type = btf__type_by_id(kernel, btf__type_by_id(kernel, (uint32_t)id)->type);
	type = btf__type_by_id(kernel, type->type);
	return btf_is_func_proto(type) && btf_vlen(type) > arguments;
}

const struct btf_type *names_enum(const struct btf *kernel, const char *name)
{
	const int id = btf__find_by_name_kind(kernel, name, BTF_KIND_ENUM);

	return id < 0 ? NULL : btf__type_by_id(kernel, (uint32_t)id);
}

uint32_t names_value(const struct btf *kernel, const char *type, const char *name, uint32_t otherwise)
{
	const struct btf_type *found = names_enum(kernel, type);

	for (uint32_t i = 0; found && i < btf_vlen(found); i++)
		if (strcmp(btf__name_by_offset(kernel, btf_enum(found)[i].name_off), name) == 0)
			return (uint32_t)btf_enum(found)[i].val;
	return otherwise;
}

/* SKB_DROP_REASON_IP_RPFILTER, SK_RST_REASON_NO_SOCKET */
static const char *without_prefix(const char *name)
{
	const char *reason = strstr(name, "REASON_");

	return reason ? reason + strlen("REASON_") : name;
}

const char *names_reason(const struct btf *kernel, const struct btf_type *type, uint32_t value)
{
	for (uint32_t i = 0; type && i < btf_vlen(type); i++)
		if ((uint32_t)btf_enum(type)[i].val == value)
			return without_prefix(btf__name_by_offset(kernel, btf_enum(type)[i].name_off));
	return "?";
}

static struct place *place_of(const struct places *places, uint64_t address)
{
	for (uint32_t i = 0; i < places->n; i++)
		if (places->of[i].address == address)
			return (struct place *)&places->of[i];
	return NULL;
}

bool places_add(struct places *places, uint64_t address)
{
	if (address == 0 || places->n == PLACES_MAX || place_of(places, address))
		return false;
	places->of[places->n++] = (struct place){.address = address};
	return true;
}

void places_name(struct places *places)
{
	FILE *symbols = places->n > 0 ? fopen("/proc/kallsyms", "r") : NULL;
	char line[512], name[PLACE_LENGTH], kind;
	uint64_t begin;

	while (symbols && fgets(line, sizeof(line), symbols)) {
		if (sscanf(line, "%" SCNx64 " %c %47s", &begin, &kind, name) != 3 || begin == 0 ||
		    !strchr("tTwW", kind))
			continue;
		for (uint32_t i = 0; i < places->n; i++) {
			struct place *place = &places->of[i];

			if (begin > place->address || begin <= place->begin)
				continue;
			place->begin = begin;
			strcpy(place->name, name);
		}
	}
	if (symbols)
		fclose(symbols);
}

const char *places_find(const struct places *places, uint64_t address)
{
	const struct place *place = address ? place_of(places, address) : NULL;

	return place ? place->name : "";
}
