// SPDX-License-Identifier: Apache-2.0
// What a page or a scraper may know of a run while it lasts: the last sample of each stream, and a bounded course of their sums.
import type { Event, RunInfo, Sample } from "../record/schema.ts";
import { metricsText } from "./metrics.ts";
import type { LivePageState, Point } from "./point.ts";

/** Beyond, every second point is dropped: the course of an hour stays drawable. */
const MOST_POINTS = 1200;

export class LiveState {
  readonly #run: RunInfo | null;
  readonly #latest = new Map<string, Sample>();
  #points: Point[] = [];
  #phase = "waiting";
  #t0: number | null = null;
  #outcome: { verdict: string; headline: string } | null = null;

  constructor(run: RunInfo | null) {
    this.#run = run;
  }

  /** The new point, where there is one to draw. */
  add(event: Event): Point | null {
    if (event.kind === "phase" && event.edge === "begin") this.#phase = event.phase;
    else if (event.kind === "stream_start") this.#t0 ??= event.t;
    else if (event.kind === "sample") this.#latest.set(event.stream, event);
    if (event.kind !== "sample" && event.kind !== "scale") return null;
    const all = [...this.#latest.values()];
    const point: Point = {
      s: (event.t - (this.#t0 ?? event.t)) / 1e9,
      alive: all.reduce((sum, sample) => sum + sample.alive, 0),
      lost: all.reduce((sum, { lost }) => sum + Object.values(lost).reduce((n, m) => n + m, 0), 0),
      ...(event.kind === "scale" ? { note: `${event.action} of ${event.machines.join(", ")}` } : {}),
    };
    this.#points.push(point);
    if (this.#points.length > MOST_POINTS)
      this.#points = this.#points.filter((p, i) => i % 2 === 0 || p.note !== undefined);
    return point;
  }

  finish(verdict: string, headline: string): void {
    this.#outcome = { verdict, headline };
    this.#phase = "done";
  }

  all(): LivePageState {
    return {
      case: this.#run?.case ?? null,
      seed: this.#run?.seed ?? null,
      phase: this.#phase,
      points: this.#points,
      outcome: this.#outcome,
    };
  }

  /** Prometheus' text format. */
  metrics(): string {
    const run = this.#run?.case ?? "";
    return metricsText(run, this.#phase, [...this.#latest.values()]);
  }
}
