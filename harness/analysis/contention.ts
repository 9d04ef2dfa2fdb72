// SPDX-License-Identifier: Apache-2.0
import type { Event, EventOf, Summary } from "../record/schema.ts";
import type { AnalysisModule } from "./part.ts";

/** Half of a CPU for others is what a run on a small machine notices. */
const DISTURBED_CPUS = 0.5;
/** The same work took so much longer after the traffic than before: another clock, or other guests. */
const SLOWER = 1.5;

export const machine: AnalysisModule = ({ events, timeline }) => ({
  part: () => ({ summary: { machine: contentionOf(events, timeline.t0) } }),
});

/** Windows in which others used the machine. They are marked and kept; figures of time leave a disturbed run out where there are others. */
export function contentionOf(events: readonly Event[], t0: number): Summary["machine"] {
  const of = <K extends Event["kind"]>(kind: K) => events.filter((e): e is EventOf<K> => e.kind === kind);
  const windows = of("machine");
  const [before, after] = (["before", "after"] as const).map((moment) =>
    of("calibration").find((e) => e.moment === moment),
  );
  const disturbed = windows
    .map((w) => ({
      fromMs: (w.t - w.windowNs - t0) / 1e6,
      toMs: (w.t - t0) / 1e6,
      cpus: (w.foreignCpus ?? 0) + w.stolenCpus,
    }))
    .filter(({ cpus }) => cpus > DISTURBED_CPUS);
  const mean = (of: (w: (typeof windows)[number]) => number) =>
    windows.length === 0 ? null : windows.reduce((sum, w) => sum + of(w), 0) / windows.length;
  const slowdown = before && after ? after.medianNs / before.medianNs : null;
  return {
    busyCpus: mean((w) => Math.max(0, w.busyCpus - (w.foreignCpus ?? 0))),
    windows: windows.length,
    disturbed,
    slowdown,
    note: noteOf(windows.length, disturbed, slowdown),
  };
}

function noteOf(windows: number, disturbed: readonly { cpus: number }[], slowdown: number | null): string | null {
  if (disturbed.length > 0) {
    const most = Math.max(...disturbed.map(({ cpus }) => cpus));
    return `The machine was disturbed in ${disturbed.length} of ${windows} seconds: other programs took up to ${most.toFixed(1)} CPUs. The times of this run are unreliable.`;
  }
  if (slowdown !== null && (slowdown > SLOWER || slowdown < 1 / SLOWER))
    return `A fixed piece of work took ${slowdown.toFixed(1)} times as long after the traffic as before: the machine became ${slowdown > 1 ? "slower" : "faster"}. The times of this run are unreliable.`;
  return null;
}
