// SPDX-License-Identifier: Apache-2.0
// Accumulates: what happened to the connections at each event, against what the oracle said would happen.
import { explanationOf } from "../events/index.ts";
import { idealShare } from "../oracle/course.ts";
import type { ByCause, ByRoot, EventSummary, LossCause, RootCause } from "../record/schema.ts";
import { movableSince } from "./changes.ts";
import { entriesMoved } from "./consistency.ts";
import { disruptionAt } from "./disruption.ts";
import { differenceAt } from "./explain.ts";
import { failoversOf } from "./failover.ts";
import { interruptionsOf } from "./interruption.ts";
import type { AnalysisModule } from "./part.ts";
import { isAliveAt, type Prediction, predictor } from "./predict.ts";
import { recoveryOf } from "./recovery.ts";
import { addRoot } from "./root-causes.ts";
import { type Established, sentAt } from "./rows.ts";
import type { Series } from "./series.ts";
import { chanceInterval, wilson95 } from "./statistics.ts";
import type { Timeline, View } from "./timeline.ts";

export const losses: AnalysisModule = ({ run, timeline, events, explain }) => {
  const { scales, deployed } = timeline;
  const predict = predictor(timeline, run.targets);
  const recovery = recoveryOf(timeline);
  const since = scales.map((_, i) => movableSince(timeline, i));
  const tallies = scales.map((_, i) => new Tally(deployed.oracle !== null || disruptionAt(timeline, i) !== null));
  const interruptions = interruptionsOf(timeline, events);
  const failovers = failoversOf(timeline, events);
  const evidence = { unheard: 0 };
  return {
    arrival(row) {
      for (const one of interruptions) one?.add(row);
    },
    row(row) {
      if (row.establishedT === null) recovery.failed(row);
    },
    established(row) {
      recovery.add(row);
      if (row.root !== null && typeof row.lossEvent === "number") tallies[row.lossEvent]?.addRoot(row.root);
      for (const [i, tally] of tallies.entries()) {
        if (!isAliveAt(timeline, row, i)) continue;
        tally.count(row, row.lossEvent === i, row.establishedT >= (since[i] ?? 0));
        failovers[i]?.add(row);
        const prediction = predict(row, i);
        if (!prediction) continue;
        const isCertain = tally.expect(prediction);
        const difference = isCertain ? differenceAt(row, i, prediction.probability, run.targets) : null;
        if (difference === null) continue;
        if (row.lossEvent !== i && !couldTell(timeline, row, i)) {
          evidence.unheard++;
          continue;
        }
        tally.mispredicted = (tally.mispredicted ?? 0) + 1;
        explain(row, difference);
      }
    },
    part() {
      const [recovered, restored] = [recovery.ms(), recovery.restored()];
      const all = tallies.map((tally, i): EventSummary => {
        const interruption = interruptions[i]?.summary();
        const failover = failovers[i]?.summary();
        return {
          ...eventSummary(timeline, i, tally, recovered[i] ?? null),
          restoredMs: restored[i] ?? null,
          ...(interruption ? { interruption } : {}),
          ...(failover ? { failover } : {}),
        };
      });
      const lossesJudged = all.every((event) => event.predicted !== null);
      return { summary: { lossesJudged, events: all }, series: { events: eventSeries(timeline, all) }, evidence };
    },
  };
};

/** Whether it sent anything between the event's coming into force and the next event, or the end. A process that ends tells it unasked. */
function couldTell({ scales, endT }: Timeline, row: Established, i: number): boolean {
  const { t, intervalUs, durationUs } = row.stream;
  if (intervalUs === 0 || scales[i]?.meaning.subject === "balancer") return true;
  const inForceT = scales[i]?.effectiveT ?? endT;
  const untilT = scales[i + 1]?.requestedT ?? (durationUs === undefined ? endT : t + durationUs * 1000);
  return sentAt(row, Math.ceil((inForceT - row.startT) / (intervalUs * 1000))) < untilT;
}

/** The connections that were alive at one event. */
class Tally {
  alive = 0;
  /** Of those, the ones that even an ideal stateless balancer may have to move: see `movableSince`. */
  movable = 0;
  lost = 0;
  readonly byCause: ByCause = {};
  readonly causes: ByRoot = {};
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

  /** Of all that were lost at it, those too that came about while it was carried out. */
  addRoot(root: RootCause): void {
    addRoot(this.causes, root);
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
  const { scales, deployed, t0 } = timeline;
  const { spans } = (timeline.views[0] as View).course;
  const { action, meaning, machines, requestedT, effectiveT } = scales[i] as Timeline["scales"][number];
  const { alive, movable, lost, byCause, causes, predicted, mispredicted, predictedInterval, predictedMost } = tally;
  const ideal = movable * idealShare(spans[i], spans[i + 1], deployed.oracle);
  const entries = entriesMoved(timeline, i);
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
    ...(entries ? { entries } : {}),
    excessPercent: alive > 0 ? ((lost - ideal) / alive) * 100 : 0,
    interval95: [low * 100, high * 100],
    byCause,
    causes,
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
