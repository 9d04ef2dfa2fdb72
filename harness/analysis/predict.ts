// SPDX-License-Identifier: Apache-2.0
// Predicts: what the oracle expects of a connection at an event.
import { type Alive, lossBounds, lossProbability } from "../oracle/loss.ts";
import { movableSince } from "./changes.ts";
import { type Established, sentAt } from "./rows.ts";
import { boundS } from "./sources.ts";
import type { Stage, Timeline } from "./timeline.ts";

export interface Prediction {
  /** That it is lost: 0 or 1 where the strategy decides it, in between where chance does. */
  probability: number;
  /** Bounds of it where connections do not get their luck one by one. */
  low: number;
  high: number;
}

/** Whether a connection was there when event i was asked for. */
export function isAliveAt({ scales }: Timeline, row: Established, i: number): boolean {
  const { establishedT, endT, lossEvent } = row;
  const requestedT = scales[i]?.requestedT ?? 0;
  if (establishedT >= requestedT) return false;
  // What is asked once has its answer and ends.
  if (row.stream.mode === "connect" && endT < requestedT) return false;
  // Silence is noticed later than it begins.
  if (lossEvent === "forgotten") return sentAt(row, row.connection.received) >= requestedT;
  if (typeof lossEvent === "number") return lossEvent === i || (lossEvent > i && endT >= requestedT);
  return lossEvent === null || endT >= requestedT;
}

/** What is expected of a row that is alive at event i; null without an oracle. `targets` are all by name, in the order of their indices. */
export function predictor(
  timeline: Timeline,
  targets: readonly string[],
): (row: Established, i: number) => Prediction | null {
  const { oracle } = timeline.deployed;
  const indexOf = new Map(targets.map((name, index) => [name, index]));
  const since = timeline.scales.map((_, i) => movableSince(timeline, i));
  return ({ stream, hash, connection, view: { course }, opened, establishedT }, i) => {
    const change = course.changes[i];
    if (!oracle || !change) return null;
    const alive: Alive = {
      protocol: stream.protocol,
      hash,
      target: connection.target === null ? null : (indexOf.get(connection.target) ?? null),
      lived: course.lived(opened, i),
      knownToReturning: establishedT < (since[i] ?? 0),
    };
    const probability = lossProbability(oracle, change, alive);
    // All connections of a source have the same luck.
    const [low, high] =
      boundS(timeline, stream) > 0 && probability > 0 && probability < 1 ? [0, 1] : lossBounds(oracle, change, alive);
    return { probability, low, high };
  };
}

/** Name of the target that a new flow with this hash gets; null: nobody can know. */
export function pickOf(stage: Stage | undefined, hash: number | null, targets: readonly string[]): string | null {
  const index = stage?.oracle?.pick(hash) ?? null;
  return index === null ? null : (targets[index] ?? null);
}
