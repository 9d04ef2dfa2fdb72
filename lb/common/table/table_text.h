// SPDX-License-Identifier: Apache-2.0
/* The table in words: what balancers print of it. */
#ifndef LB_TABLE_TEXT_H
#define LB_TABLE_TEXT_H

#include "json/text.h"
#include "table/table.h"

/* {"version":..,"active":..,"publishedT":..,"buildUs":..} and a newline. */
void table_publication_json(struct text *text, const struct table_publication *publication);

/* How many slots each of the n targets has; only while writers are locked out. */
void table_count_slots(const struct table *table, uint32_t *counts);

static inline const char *table_mode_name(const struct table_config *config)
{
	return config->mode == TABLE_MAGLEV ? "maglev" : "modulo";
}

#endif
