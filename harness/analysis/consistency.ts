// SPDX-License-Identifier: Apache-2.0
// Per-connection consistency over a run: connections broken that no leaving target had, and how unevenly live ones are spread over time.
import { memberNoun } from "../events/meaning.ts";
import { entriesOf } from "../oracle/oracle.ts";
import type { Summary } from "../record/schema.ts";
import { warmUp } from "./counts.ts";
import type { AnalysisModule } from "./part.ts";
import type { Established } from "./rows.ts";
import type { Timeline, View } from "./timeline.ts";

const WINDOW_S = 1;

export const consistency: AnalysisModule = ({ timeline }) => {
  const { scales, t0, endT, streams } = timeline;
  if (scales.length === 0 || [...streams.values()].some(({ mode }) => mode !== "stream")) return { part: () => ({}) };
  const isJudged = warmUp(timeline);
  const fromT = t0 + Math.max(...[...streams.values()].map(({ open }) => (open?.warmUpUs ?? 0) * 1000));
  const found = { violations: 0, established: 0, requests: 0 };
  const live = new LiveByTarget(fromT, endT);
  return {
    established(row) {
      const { connection, stream, establishedT, endT: goneT } = row;
      found.established++;
      found.requests += connection.sent;
      // What the plan ended, or a loss, lives no longer; who lives at the end of the traffic does so in its last window.
      const lives = row.lossEvent === null && !(stream.open && goneT < endT);
      live.add(connection.target, establishedT, lives ? Number.POSITIVE_INFINITY : goneT);
      if (isJudged(row) && isViolation(timeline, row)) found.violations++;
    },
    part() {
      const minutes = (endT - fromT) / 60e9;
      const { violations, established, requests } = found;
      const share = (of: number) => violations / Math.max(1, of);
      return {
        summary: {
          consistency: {
            changes: scales.length,
            minutes,
            violations,
            perMinute: violations / minutes,
            perChange: violations / scales.length,
            ofConnections: share(established),
            ofRequests: share(requests),
            unfairness: live.unfairness(timeline),
          },
        },
      };
    },
  };
};

/** It was broken, and its target was not among those that left. */
function isViolation({ scales }: Pick<Timeline, "scales">, { lossEvent, connection }: Established): boolean {
  if (lossEvent === null) return false;
  const scale = typeof lossEvent === "number" ? scales[lossEvent] : undefined;
  const isLeaving = scale?.meaning.effect === "leave" && memberNoun(scale.meaning) === "target";
  return !(isLeaving && connection.target !== null && scale.machines.includes(connection.target));
}

/** Entries of the balancer's table that event i gave to another target; null: there is no table that is known. */
export function entriesMoved({ deployed, views }: Timeline, i: number): { moved: number; of: number } | null {
  const { spans } = (views[0] as View).course;
  const [before, after] = [spans[i]?.oracle, spans[i + 1]?.oracle];
  if (!deployed.oracle || !before || !after) return null;
  const [was, is] = [entriesOf(deployed.oracle, before), entriesOf(deployed.oracle, after)];
  if (!was || was.length === 0 || was.length !== is?.length) return null;
  let moved = 0;
  for (let k = 0; k < was.length; k++) moved += Number(was[k] !== is[k]);
  return { moved, of: was.length };
}

type Unfairness = NonNullable<Summary["consistency"]>["unfairness"];

/** Connections that live when each window ends. */
class LiveByTarget {
  readonly #fromT: number;
  readonly #windows: number;
  /** How many more than at the end of the window before. */
  readonly #changes = new Map<string, Int32Array>();

  constructor(fromT: number, endT: number) {
    this.#fromT = fromT;
    this.#windows = Math.floor((endT - fromT) / 1e9 / WINDOW_S);
  }

  /** Monotonic ns. */
  add(target: string | null, openT: number, goneT: number): void {
    if (target === null) return;
    const changes = this.#changes.get(target) ?? new Int32Array(this.#windows);
    this.#changes.set(target, changes);
    this.#count(changes, openT, 1);
    this.#count(changes, goneT, -1);
  }

  #count(changes: Int32Array, t: number, by: number): void {
    const window = Math.max(0, Math.ceil((t - this.#fromT) / 1e9 / WINDOW_S) - 1);
    if (window < this.#windows) changes[window] = (changes[window] as number) + by;
  }

  /** Of the targets in use at the end of each window, by their shares where those are known; null: there was none. */
  unfairness(timeline: Timeline): Unfairness {
    const live = new Map([...this.#changes.keys()].map((name) => [name, 0]));
    const [ratios, variations]: [number[], number[]] = [[], []];
    for (let window = 0; window < this.#windows; window++) {
      for (const [name, changes] of this.#changes) live.set(name, (live.get(name) ?? 0) + (changes[window] as number));
      const t = this.#fromT + (window + 1) * WINDOW_S * 1e9;
      const stage = timeline.stages.findLast(({ effectiveT }, i) => i === 0 || effectiveT <= t);
      const shares = timeline.sharesIn(stage);
      const names = [...(stage?.active ?? [])].filter((name) => shares?.get(name) !== 0);
      const loads = names.map(
        (name) => (live.get(name) ?? 0) / ((shares?.get(name) ?? 1 / names.length) * names.length),
      );
      const mean = loads.reduce((sum, load) => sum + load, 0) / loads.length;
      if (!(mean > 0)) continue;
      ratios.push(Math.max(...loads) / mean);
      variations.push(Math.sqrt(loads.reduce((sum, load) => sum + (load - mean) ** 2, 0) / loads.length) / mean);
    }
    return ratios.length > 0
      ? { windowS: WINDOW_S, maxOverMean: statsOf(ratios), variation: statsOf(variations) }
      : null;
  }
}

/** Over the windows. */
function statsOf(values: readonly number[]): { mean: number; p99: number; max: number } {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    p99: sorted[Math.ceil(0.99 * sorted.length) - 1] as number,
    max: sorted.at(-1) as number,
  };
}
