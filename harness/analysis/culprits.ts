// SPDX-License-Identifier: Apache-2.0
// Where things went wrong and how: by target, family and cause, so that a sentence can name what they have in common.
import type { Cause, Event } from "../record/schema.ts";
import { count, list, plural, was } from "../util/numbers.ts";
import { firstInTime } from "./counts.ts";
import { Histogram } from "./histogram.ts";
import type { AnalysisModule } from "./part.ts";
import { pathOf } from "./path-mtu.ts";
import { isAliveAt, pickOf, predictor } from "./predict.ts";
import type { Established } from "./rows.ts";
import type { Timeline } from "./timeline.ts";
import { type Place, whence } from "./whence.ts";

/** What one connection is evidence of. */
export interface Symptom extends Place {
  cause: Cause;
}

/** Connections that their old target answered after the balancer had said that a change is in force. */
interface Stale {
  connections: number;
  /** The longest time after it, ms. */
  ms: number;
}

/** Each with what it has in common with others, and how many they are. */
export interface Culprits {
  /** First connections that were not established in time. */
  notInTime: readonly Place[];
  lostOutside: readonly Symptom[];
  /** By event: lost, though that was not predicted. */
  unpredicted: readonly (readonly Symptom[])[];
  stale: (Stale | null)[];
}

/** Counts those that are equal together: ten million connections may be wrong in the same way. */
class Tally<T extends Place> {
  readonly #found = new Map<string, T>();

  add(one: Omit<T, "count">, key: string): void {
    const before = this.#found.get(key);
    if (before) before.count++;
    else this.#found.set(key, { ...one, count: 1 } as T);
  }

  all(): T[] {
    return [...this.#found.values()];
  }
}

class Symptoms extends Tally<Symptom> {
  addRow({ connection: { target, cause }, stream: { family } }: Established): void {
    this.add({ target, family, cause }, `${target}/${family}/${cause}`);
  }
}

const LEAST_MS = 20;

export const culprits: AnalysisModule = ({ run, events, timeline }) => {
  const { scales } = timeline;
  const isInTime = firstInTime(timeline, pathOf(events));
  const predict = predictor(timeline, run.targets);
  const notInTime = new Tally<Place>();
  const lostOutside = new Symptoms();
  const unpredicted = scales.map(() => new Symptoms());
  const stale: Culprits["stale"] = scales.map(() => null);
  const graceMs = scales.map((_, i) => longestAnswerMs(timeline, i, events));
  const atEvent = (row: Established, i: number) => {
    const probability = isAliveAt(timeline, row, i) ? predict(row, i)?.probability : undefined;
    if (probability === 0) unpredicted[i]?.addRow(row);
    if (probability !== 1) return;
    const progressT = row.stream.t + row.connection.lastProgressUs * 1000;
    const ms = (progressT - (scales[i]?.effectiveT ?? 0)) / 1e6;
    if (ms <= (graceMs[i] ?? 0)) return;
    const before = stale[i] ?? { connections: 0, ms: 0 };
    stale[i] = { connections: before.connections + 1, ms: Math.max(before.ms, ms) };
  };
  return {
    row(row) {
      if (row.recorded.generation > 0 || isInTime(row)) return;
      const target = pickOf(row.view.stages[0], row.hash, run.targets);
      const { family } = row.stream;
      notInTime.add({ target, family }, `${target}/${family}`);
    },
    established(row) {
      const { lossEvent } = row;
      if (typeof lossEvent === "number") atEvent(row, lossEvent);
      if (lossEvent === "outside") lostOutside.addRow(row);
    },
    part() {
      const ofEvents = unpredicted.map((symptoms) => symptoms.all());
      const found = { notInTime: notInTime.all(), lostOutside: lostOutside.all(), unpredicted: ofEvents, stale };
      return { evidence: { culprits: found } };
    },
  };
};

/** Of the answers around event i: what came so long after the change may have been sent before it. */
function longestAnswerMs({ scales }: Timeline, i: number, events: readonly Event[]): number {
  const { requestedT, effectiveT } = scales[i] ?? { requestedT: 0, effectiveT: 0 };
  const hist = new Histogram();
  for (const e of events) if (e.kind === "sample" && e.t >= requestedT && e.t <= effectiveT + 3e9) hist.add(e.hist);
  return Math.max(LEAST_MS, 1.1 * (hist.quantileMs(1) ?? Number.POSITIVE_INFINITY));
}

/** The end of a sentence: ": 4 by reset, all on vm-003". Empty when there are none. */
export function howAndWhere(troubles: readonly Symptom[], bothFamilies: boolean): string {
  const causes = new Map<Cause, number>();
  for (const { cause, count: n } of troubles) causes.set(cause, (causes.get(cause) ?? 0) + n);
  const parts = [...causes].sort(([, a], [, b]) => b - a).map(([cause, n]) => `${count(n)} by ${cause}`);
  return parts.length === 0 ? "" : `: ${list(parts)}${whence(troubles, "on", bothFamilies)}`;
}

/** One sentence for each event whose change came later than the balancer said. */
export function staleFailures(stale: Culprits["stale"], events: readonly { kind: string; machines: string[] }[]) {
  return stale.flatMap((one, i) =>
    one
      ? [
          `Event ${i + 1} (${events[i]?.kind} of ${events[i]?.machines.join(", ")}): ${plural(one.connections, "connection")} ${was(one.connections)} still answered by the old target up to ${count(Math.round(one.ms))} ms after the balancer said that the change was in force.`,
        ]
      : [],
  );
}
