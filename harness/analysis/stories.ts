// SPDX-License-Identifier: Apache-2.0
// Goes through a record again for the stories of those connections that somebody asks about.
import type { Record as RunRecord } from "../record/read.ts";
import type { RunInfo } from "../record/schema.ts";
import { rowsOf } from "./analyse.ts";
import { explainer, type Story } from "./causes/index.ts";
import type { Established } from "./rows.ts";
import { buildTimeline } from "./timeline.ts";

/** Of those for which `wanted` holds, `most` at most, in the order of the record. None where the run ended before its traffic. */
export function storiesOf(
  run: RunInfo,
  { events, connections, packets }: RunRecord,
  wanted: (row: Established) => boolean,
  most: number,
): Story[] {
  const timeline = buildTimeline(events, run.targets, run.routers, connections);
  if (!timeline) return [];
  const known = { run, events, timeline, packets };
  const context = { ...known, explainer: explainer(known) };
  const found: Story[] = [];
  for (const row of rowsOf(connections, context)) {
    if (row.establishedT === null || !wanted(row)) continue;
    found.push(context.explainer.storyOf(row));
    if (found.length === most) break;
  }
  return found;
}
