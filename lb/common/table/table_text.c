// SPDX-License-Identifier: Apache-2.0
#include "table/table_text.h"

#include <string.h>

#include "json/json.h"

void table_publication_json(struct text *text, const struct table_publication *publication)
{
	json_object(text, NULL);
	json_number(text, "version", publication->version);
	json_number(text, "active", publication->active);
	json_number(text, "publishedT", publication->published_ns);
	json_number(text, "buildUs", publication->build_us);
	json_line(text);
}

void table_count_slots(const struct table *table, uint32_t *counts)
{
	const struct table_half *half = table_current(table);
	const uint16_t *slots = table->slots[half->version & 1];

	memset(counts, 0, table->config.n * sizeof(*counts));
	for (uint32_t i = 0; i < half->slots; i++)
		counts[slots[i]]++;
}
