// SPDX-License-Identifier: Apache-2.0
import type { EventOf } from "../record/schema.ts";
import type { AnalysisModule } from "./part.ts";

/** How the traffic generators kept their schedule, and what they cost. */
export const generator: AnalysisModule = ({ events, timeline: { t0, endT } }) => {
  const ends = events.filter((e): e is EventOf<"stream_end"> => e.kind === "stream_end");
  const sent = new Map<string, number>();
  for (const e of events) if (e.kind === "sample") sent.set(e.stream, e.sent);
  const trafficUs = (endT - t0) / 1000;
  const summary = {
    sends: [...sent.values()].reduce((sum, n) => sum + n, 0),
    lateSends: ends.reduce((sum, e) => sum + e.lateSends, 0),
    cpuShare: trafficUs > 0 ? ends.reduce((sum, e) => sum + e.userUs + e.systemUs, 0) / trafficUs : 0,
  };
  return { part: () => ({ summary: { generator: summary } }) };
};
