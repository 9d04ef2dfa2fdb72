// SPDX-License-Identifier: Apache-2.0
#include "packet/coverage.h"

/* Joins the range with those that it meets. */
static void join(struct coverage *c, uint16_t from, uint16_t to)
{
	for (uint32_t i = 0; i < c->ranges_n;) {
		if (from > c->ranges[i].to || to < c->ranges[i].from) {
			i++;
			continue;
		}
		from = c->ranges[i].from < from ? c->ranges[i].from : from;
		to = c->ranges[i].to > to ? c->ranges[i].to : to;
		c->ranges[i] = c->ranges[--c->ranges_n];
		i = 0;
	}
	if (c->ranges_n == COVERAGE_RANGES) {
		c->lost_count = true;
		return;
	}
	c->ranges[c->ranges_n].from = from;
	c->ranges[c->ranges_n++].to = to;
}

bool coverage_add(struct coverage *coverage, const struct fragment_extent *extent)
{
	if (extent->last)
		coverage->end = extent->to;
	join(coverage, extent->from, extent->to);
	return !coverage->lost_count && coverage->end > 0 && coverage->ranges_n == 1 &&
	       coverage->ranges[0].from == 0 && coverage->ranges[0].to >= coverage->end;
}
