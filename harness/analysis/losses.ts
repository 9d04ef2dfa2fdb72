// SPDX-License-Identifier: Apache-2.0
// Accumulates: what happened to the connections at each event, against what the oracle said would happen.
import { explanationOf } from "../events/index.ts";
import { idealLoss } from "../events/meaning.ts";
import type { ByCause, EventSummary, LossCause } from "../record/schema.ts";
import { movableSince } from "./changes.ts";
import { differenceAt } from "./explain.ts";
import type { AnalysisModule } from "./part.ts";
import { isAliveAt, type Prediction, predictor } from "./predict.ts";
import { recoveryOf } from "./recovery.ts";
import type { Established } from "./rows.ts";
import type { Series } from "./series.ts";
import { chanceInterval, wilson95 } from "./statistics.ts";
import type { Timeline } from "./timeline.ts";

export const losses: AnalysisModule = ({ run, timeline, explain }) => {
  const { scales, deployed } = timeline;
  const predict = predictor(timeline, run.targets);
  const recovery = recoveryOf(timeline);
  const since = scales.map((_, i) => movableSince(timeline, i));
  const tallies = scales.map(() => new Tally(deployed.oracle !== null));
  return {
    row(row) {
      if (row.establishedT === null) recovery.failed(row);
    },
    established(row) {
      recovery.add(row);
      for (const [i, tally] of tallies.entries()) {
        if (!isAliveAt(timeline, row, i)) continue;
        tally.count(row, row.lossEvent === i, row.establishedT >= (since[i] ?? 0));
        const prediction = predict(row, i);
        if (!prediction) continue;
        const isCertain = tally.expect(prediction);
        const difference = isCertain ? differenceAt(row, i, prediction.probability, run.targets) : null;
        if (difference === null) continue;
        tally.mispredicted = (tally.mispredicted ?? 0) + 1;
        explain(row, difference);
      }
    },
    part() {
      const [recovered, restored] = [recovery.ms(), recovery.restored()];
      const events = tallies.map((tally, i) => ({
        ...eventSummary(timeline, i, tally, recovered[i] ?? null),
        restoredMs: restored[i] ?? null,
      }));
      const lossesJudged = events.every((event) => event.predicted !== null);
      return { summary: { lossesJudged, events }, series: { events: eventSeries(timeline, events) } };
    },
  };
};

/** The connections that were alive at one event. */
class Tally {
  alive = 0;
  /** Of those, the ones that even an ideal stateless balancer may have to move: see `movableSince`. */
  movable = 0;
  lost = 0;
  readonly byCause: ByCause = {};
  /** Connections that the oracle expects to be lost; no whole number where chance has a part. null without an oracle. */
  predicted: number | null;
  /** Connections whose fate is certain and was another. null when there is none whose fate is certain. */
  mispredicted: number | null = null;
  #low = 0;
  #high = 0;
  #variance = 0;

  constructor(hasOracle: boolean) {
    this.predicted = hasOracle ? 0 : null;
  }

  count({ connection }: Established, isLost: boolean, isMovable: boolean): void {
    this.alive++;
    if (isMovable) this.movable++;
    if (!isLost) return;
    const cause = connection.cause as LossCause;
    this.lost++;
    this.byCause[cause] = (this.byCause[cause] ?? 0) + 1;
  }

  /** Whether the connection's fate is certain. */
  expect({ probability, low, high }: Prediction): boolean {
    this.predicted = (this.predicted ?? 0) + probability;
    this.#low += low;
    this.#high += high;
    this.#variance += high * (1 - high);
    const isCertain = probability <= 0 || probability >= 1;
    if (isCertain) this.mispredicted ??= 0;
    return isCertain;
  }

  /** How far the loss may be from the prediction by chance (99.9 %); null where nothing is left to chance. */
  get predictedInterval(): [low: number, high: number] | null {
    if (this.predicted === null || (this.#variance === 0 && this.#low === this.#high)) return null;
    return chanceInterval(this.#low, this.#high, this.#variance, this.alive);
  }

  /** Upper bound of the expectation. */
  get predictedMost(): number | null {
    return this.predicted === null ? null : this.#high;
  }
}

function eventSummary(timeline: Timeline, i: number, tally: Tally, recoveredMs: number | null): EventSummary {
  const { scales, stages, t0 } = timeline;
  const { action, meaning, machines, requestedT, effectiveT } = scales[i] as Timeline["scales"][number];
  const { alive, movable, lost, byCause, predicted, mispredicted, predictedInterval, predictedMost } = tally;
  const ideal = idealLoss(stages[i]?.active.size ?? 0, stages[i + 1]?.active.size ?? 0, movable);
  const [low, high] = wilson95(lost, alive);
  return {
    kind: action,
    ...explanationOf(meaning),
    machines,
    askedMs: (requestedT - t0) / 1e6,
    inForceMs: (effectiveT - t0) / 1e6,
    alive,
    lost,
    ideal,
    predicted,
    mispredicted,
    predictedInterval,
    predictedMost,
    excessPercent: alive > 0 ? ((lost - ideal) / alive) * 100 : 0,
    interval95: [low * 100, high * 100],
    byCause,
    recoveredMs,
  };
}

function eventSeries({ t0, endT }: Timeline, events: readonly EventSummary[]): Series["events"] {
  const ends = [...events.slice(1).map((e) => e.askedMs / 1000), (endT - t0) / 1e9];
  return events.map(
    ({ kind, meaning, machines, askedMs, alive, lost, ideal, predicted, interval95: [low, high] }, i) => ({
      kind,
      ...(meaning ? { meaning } : {}),
      machines,
      s: askedMs / 1000,
      untilS: ends[i] ?? askedMs / 1000,
      alive,
      lost,
      ideal,
      predicted,
      interval: [(low * alive) / 100, (high * alive) / 100],
    }),
  );
}
