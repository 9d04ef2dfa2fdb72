// SPDX-License-Identifier: Apache-2.0
// Connections that came all the time: how many, and those that came to nothing although no event was under way.
import { isExcused } from "./counts.ts";
import { isCrowdedOut } from "./flood.ts";
import type { AnalysisModule } from "./part.ts";

export const arrivals: AnalysisModule = (context) => {
  const { timeline } = context;
  if (![...timeline.streams.values()].some((stream) => stream.arrivals)) return { part: () => ({}) };
  const hadNoRoom = isCrowdedOut(context);
  const counts = { attempts: 0, served: 0, failedOutsideEvents: 0 };
  return {
    arrival(row) {
      counts.attempts++;
      if (row.establishedT !== null) counts.served++;
      else if (!isExcused(timeline, row) && !hadNoRoom(row)) counts.failedOutsideEvents++;
    },
    part: () => ({ summary: { arrivals: counts } }),
  };
};
