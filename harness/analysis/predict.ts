// SPDX-License-Identifier: Apache-2.0
// Predicts: what the oracle expects of a connection at an event.
import { isUndoing } from "../events/meaning.ts";
import { type Alive, type Change, lossBounds, lossProbability } from "../oracle/loss.ts";
import { movableSince } from "./changes.ts";
import { certain, disruptionAt, lossInDisruption, OPEN_ENDED } from "./disruption.ts";
import { flowReader } from "./flows.ts";
import { lossOfPath } from "./paths.ts";
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
  const { requestedT = 0, effectiveT = 0 } = scales[i] ?? {};
  if (establishedT >= requestedT) return false;
  // Whose last message was due before has nothing to lose any more.
  if (row.stream.open && lossEvent === null && endT <= effectiveT) return false;
  // What is asked once has its answer and ends.
  if (row.stream.mode === "connect" && endT < requestedT) return false;
  // Silence is noticed later than it begins.
  if (lossEvent === "forgotten") return sentAt(row, row.connection.received) >= requestedT;
  if (typeof lossEvent === "number") return lossEvent === i || (lossEvent > i && endT >= requestedT);
  return lossEvent === null || endT >= requestedT;
}

/** Longer than routers take to tell each other of a connection: 4 ms at the most of 15,000, at 1000 a second. */
const SYNC_LAG_NS = 10e6;

/** Where a router dies, or comes back, and nobody finds out, or routers tell each other; null: the strategy decides. */
function lossAtDeath({ ways, announced, scales }: Timeline, { effect }: Change, row: Established, i: number) {
  const leaves = effect === "leave";
  if (announced?.by === "none") return certain(leaves && ways?.isCut(row.flow, row.stream.protocol, i) ? 1 : 0);
  // What the other one was told last before the death may not have come.
  const isYoung = row.establishedT >= (scales[i]?.requestedT ?? 0) - SYNC_LAG_NS;
  return leaves && announced?.sync && isYoung ? OPEN_ENDED : null;
}

/** Where a path opens or closes; null: the event is another one. */
function lossAtPath(
  { scales, deployed: { oracle } }: Timeline,
  { after }: Change,
  { row: { stream, connection }, target }: { row: Established; target: number | null },
  i: number,
): Prediction | null {
  const path = scales[i]?.meaning.path;
  if (!path || !oracle) return null;
  const second = stream.second ? flowReader({ ...stream, ...stream.second })(connection) : null;
  return lossOfPath(oracle, after, { path, target, second });
}

/** Who is deaf for longer than a connection stands silence loses what it has, and nothing else changes; null: nobody is. */
function lossToTheDeaf({ scales }: Timeline, target: string | null, i: number): Prediction | null {
  const { meaning, machines = [] } = scales[i] ?? {};
  if (meaning?.mute) return certain(target !== null && machines.includes(target) ? 1 : 0);
  return meaning && scales.some((before) => before.meaning.mute && isUndoing(meaning, before.meaning.kind))
    ? certain(0)
    : null;
}

/** What is expected of a row that is alive at event i; null without an oracle. `targets` are all by name, in the order of their indices. */
export function predictor(
  timeline: Timeline,
  targets: readonly string[],
): (row: Established, i: number) => Prediction | null {
  const { oracle } = timeline.deployed;
  const indices = new Map(targets.map((name, index) => [name, index]));
  const indexOf = (name: string | null) => indices.get(name ?? "") ?? null;
  const since = timeline.scales.map((_, i) => movableSince(timeline, i));
  const { ways } = timeline;
  return (row, i) => {
    const { stream, hash, connection, opened, startT, establishedT } = row;
    const { course } = row.view;
    const disruption = disruptionAt(timeline, i);
    if (disruption) return lossInDisruption(timeline, disruption, { stream, startT }, i);
    const deaf = lossToTheDeaf(timeline, connection.target, i);
    if (deaf) return deaf;
    const planned = course.changes[i];
    if (!oracle || !planned) return null;
    const target = indexOf(connection.target);
    const onPath = lossAtPath(timeline, planned, { row, target }, i);
    if (onPath) return onPath;
    const isDeath = planned.subject === "routers" && !planned.announced;
    const known = isDeath ? lossAtDeath(timeline, planned, row, i) : null;
    if (known) return known;
    const change = isDeath && ways ? { ...planned, reroutedShare: Number(ways.moves(row.flow, i)) } : planned;
    const alive: Alive = {
      protocol: stream.protocol,
      hash,
      target,
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
