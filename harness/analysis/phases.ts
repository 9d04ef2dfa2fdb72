// SPDX-License-Identifier: Apache-2.0
import type { Event, EventOf, Phase, Summary } from "../record/schema.ts";
import type { AnalysisModule } from "./part.ts";

/** How long each phase took. */
export const phases: AnalysisModule = ({ events }) => ({ part: () => ({ summary: { phasesMs: phasesOf(events) } }) });

/** Analysis and drawing are not in it: they come after, and are timed by whoever does them. */
function phasesOf(events: readonly Event[]): Summary["phasesMs"] {
  const edges = events
    .filter((e): e is EventOf<"phase"> => e.kind === "phase")
    .map((e) => ({ ...e, at: e.hostT ?? e.t }));
  const lasted = (phase: Phase) => {
    const [begin, end] = (["begin", "end"] as const).map(
      (edge) => edges.find((e) => e.phase === phase && e.edge === edge)?.at,
    );
    return begin === undefined || end === undefined ? 0 : (end - begin) / 1e6;
  };
  const times = edges.map((e) => e.at);
  const total = times.length > 0 ? (Math.max(...times) - Math.min(...times)) / 1e6 : 0;
  return {
    up: lasted("up"),
    deploy: lasted("deploy"),
    traffic: lasted("traffic"),
    down: lasted("down"),
    report: 0,
    total,
  };
}
