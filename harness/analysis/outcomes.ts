// SPDX-License-Identifier: Apache-2.0
// What happened to each connection at each event, and what the oracle said would happen.
import { type Alive, lossBounds, lossProbability } from "../oracle/loss.ts";
import { hashFlow } from "../oracle/oracle.ts";
import type { ByCause, Cause, Connection, LossCause, StreamStart } from "../record/schema.ts";
import { movableSince } from "./changes.ts";
import { addressText, flowReader } from "./flows.ts";
import { chanceInterval } from "./statistics.ts";
import type { Stage, Timeline } from "./timeline.ts";

export interface EventOutcome {
  alive: number;
  /** Of those, the ones that even an ideal stateless balancer may have to move: see `movableSince`. */
  movable: number;
  lost: number;
  byCause: ByCause;
  /** Connections that the oracle expects to be lost; no whole number where chance has a part. null without an oracle. */
  predicted: number | null;
  /** Connections whose fate is certain and was another. null when there is none whose fate is certain. */
  mispredicted: number | null;
  /** How far the loss may be from the prediction by chance (99.9 %); null where nothing is left to chance. */
  predictedInterval: [low: number, high: number] | null;
  /** Upper bound of the expectation. */
  predictedMost: number | null;
}

export interface ConnectionOutcomes {
  perEvent: EventOutcome[];
  established: number;
  /** First connections (generation 0) that were not established before the first event. */
  notInTime: number;
  lost: number;
  lostOutsideEvents: number;
  /** Attempts to connect that failed, but for those that an event, or a blackout, explains. */
  failedConnects: number;
  /** Established connections of which no target is known. */
  unnamed: number;
  assigned: { checked: number; mispredicted: number };
  /** Reconnections that a target answered which was not active then. */
  onInactiveTarget: number;
  /** First connections by target. */
  perTarget: Map<string, number>;
  /** A sample of the lost connections, those first that were not predicted to be. */
  lostRows: LostConnection[];
  /** Sentences about the first few connections whose fate differs from the prediction. */
  differences: string[];
}

/** One lost connection, as a report lists it. */
export interface LostConnection {
  /** Since the traffic began. */
  s: number;
  stream: string;
  /** "id.generation". */
  id: string;
  src: string;
  sport: number;
  target: string | null;
  movedTo: string | null;
  cause: LossCause;
  /** Number of the event from 1; null: outside of all. */
  event: number | null;
  /** Probability that the oracle gave it; null without an oracle. */
  predicted: number | null;
}

const MAX_DIFFERENCES = 20;
/** Of each kind: a page with more is slow to open and is not read. */
const MAX_LOST_ROWS = 500;
const SILENT: ReadonlySet<Cause> = new Set<Cause>(["stalled", "timeout"]);

/** `targets` are all targets by name, in the order of their indices. */
export function judgeOutcomes(
  timeline: Timeline,
  connections: Iterable<Connection>,
  targets: readonly string[],
): ConnectionOutcomes {
  const { scales, deployed } = timeline;
  const hasOracle = deployed.oracle !== null;
  const outcomes: ConnectionOutcomes = {
    perEvent: scales.map(() => ({
      alive: 0,
      movable: 0,
      lost: 0,
      byCause: {},
      predicted: hasOracle ? 0 : null,
      mispredicted: null,
      predictedInterval: null,
      predictedMost: null,
    })),
    established: 0,
    notInTime: [...timeline.streams.values()].reduce((sum, stream) => sum + stream.connections, 0),
    lost: 0,
    lostOutsideEvents: 0,
    failedConnects: 0,
    unnamed: 0,
    assigned: { checked: 0, mispredicted: 0 },
    onInactiveTarget: 0,
    perTarget: new Map(),
    lostRows: [],
    differences: [],
  };
  const lostRows = { predicted: [] as LostConnection[], other: [] as LostConnection[] };
  const indexOf = new Map(targets.map((name, index) => [name, index]));
  const readers = new Map([...timeline.streams].map(([name, start]) => [name, readerOf(start)]));
  const since = scales.map((_, i) => movableSince(timeline, i));
  const chances = scales.map(() => ({ low: 0, high: 0, variance: 0 }));
  const firstEvent = scales[0]?.requestedT ?? Number.POSITIVE_INFINITY;

  for (const row of connections) {
    const reader = readers.get(row.stream);
    if (!reader) continue;
    const connection = withSilence(row, reader.start);
    const { at } = reader;
    const establishedT = connection.establishedUs === null ? null : at(connection.establishedUs);
    if (connection.generation === 0 && establishedT !== null && establishedT < firstEvent) outcomes.notInTime--;
    if (establishedT === null) {
      if (connection.generation > 0 && !isExcused(timeline, connection, at)) outcomes.failedConnects++;
      continue;
    }
    outcomes.established++;
    if (connection.target === null) outcomes.unnamed++;
    const flow = reader.flowOf(connection);
    const hash = deployed.oracle && hashFlow(deployed.oracle, flow);
    const { stages, course } = timeline.viewOf(flow);
    const opened = openedIn(stages, establishedT);
    const pick = (stage: Stage | undefined) => {
      const index = stage?.oracle?.pick(hash);
      return index === undefined || index === null ? null : (targets[index] ?? null);
    };
    const tell = (text: string) => {
      if (outcomes.differences.length < MAX_DIFFERENCES)
        outcomes.differences.push(
          `${connection.stream} connection ${connection.id}.${connection.generation} from ${addressText(flow.src)} port ${flow.sport}: ${text}`,
        );
    };

    // Later visits of a source say nothing about the spread: they may be bound to go where the first one went.
    if (connection.target !== null && connection.generation === 0 && (reader.start.visit ?? 1) === 1)
      outcomes.perTarget.set(connection.target, (outcomes.perTarget.get(connection.target) ?? 0) + 1);
    judgeAssignment(outcomes, stages, connection, at(connection.startUs), establishedT, hasOracle ? pick : null, tell);

    const lossEvent = attribute(timeline, connection, establishedT, reader.start.intervalUs, at);
    if (connection.cause !== "none") {
      outcomes.lost++;
      if (lossEvent === "outside") outcomes.lostOutsideEvents++;
    }
    let chanceOfLoss = hasOracle ? 0 : null;
    for (const [i, scale] of scales.entries()) {
      const outcome = outcomes.perEvent[i];
      const gone = connection.cause !== "none" && lossEvent !== i && at(connection.endUs) < scale.requestedT;
      if (!outcome || establishedT >= scale.requestedT || gone) continue;
      if (typeof lossEvent === "number" && lossEvent < i) continue;
      outcome.alive++;
      if (establishedT >= (since[i] ?? 0)) outcome.movable++;
      const lost = lossEvent === i;
      if (lost) {
        const cause = connection.cause as LossCause;
        outcome.lost++;
        outcome.byCause[cause] = (outcome.byCause[cause] ?? 0) + 1;
      }
      const change = course.changes[i];
      if (outcome.predicted === null || !deployed.oracle || !change) continue;
      const alive: Alive = {
        protocol: reader.start.protocol,
        hash,
        target: connection.target === null ? null : (indexOf.get(connection.target) ?? null),
        lived: course.lived(opened, i),
        knownToReturning: establishedT < (since[i] ?? 0),
      };
      const probability = lossProbability(deployed.oracle, change, alive);
      outcome.predicted += probability;
      if (lost) chanceOfLoss = probability;
      const [low, high] = lossBounds(deployed.oracle, change, alive);
      const chance = chances[i];
      if (chance) {
        chance.low += low;
        chance.high += high;
        chance.variance += high * (1 - high);
      }
      if (probability > 0 && probability < 1) continue;
      outcome.mispredicted ??= 0;
      const movedWell =
        !lost || connection.movedTo === null || [connection.movedTo, null].includes(pick(stages[i + 1]));
      if (!movedWell) {
        outcome.mispredicted++;
        tell(`moved to ${connection.movedTo} at event ${i + 1}, predicted ${pick(stages[i + 1])}`);
      } else if (probability !== Number(lost)) {
        outcome.mispredicted++;
        const words = (is: boolean) => (is ? "lost" : "kept");
        const [before, after] = [pick(stages[i]), pick(stages[i + 1])];
        tell(
          `${words(lost)} at event ${i + 1}, predicted ${words(!lost)} (on ${connection.target ?? "no target"}; new connections like it ${before ?? "any"} -> ${after ?? "any"})`,
        );
      }
    }
    if (connection.cause === "none") continue;
    const list = chanceOfLoss === 0 || lossEvent === "outside" ? lostRows.other : lostRows.predicted;
    if (list.length < MAX_LOST_ROWS)
      list.push({
        s: (at(connection.endUs) - timeline.t0) / 1e9,
        stream: connection.stream,
        id: `${connection.id}.${connection.generation}`,
        src: addressText(flow.src),
        sport: flow.sport,
        target: connection.target,
        movedTo: connection.movedTo,
        cause: connection.cause,
        event: typeof lossEvent === "number" ? lossEvent + 1 : null,
        predicted: chanceOfLoss,
      });
  }
  outcomes.lostRows = [...lostRows.other, ...lostRows.predicted];
  for (const [i, outcome] of outcomes.perEvent.entries()) {
    const { low, high, variance } = chances[i] ?? { low: 0, high: 0, variance: 0 };
    if (outcome.predicted !== null) outcome.predictedMost = high;
    if (outcome.predicted === null || (variance === 0 && low === high)) continue;
    outcome.predictedInterval = chanceInterval(low, high, variance, outcome.alive);
  }
  return outcomes;
}

/** Index of the stage in which a connection was established. */
function openedIn(stages: readonly Stage[], establishedT: number): number {
  return stages.findLastIndex((stage, k) => k === 0 || stage.requestedT <= establishedT);
}

const readerOf = (start: StreamStart) => ({
  start,
  flowOf: flowReader(start),
  /** Monotonic ns of a row's microseconds. */
  at: (us: number) => start.t + us * 1000,
});

/**
 * The generator calls a connection lost after some seconds of silence. One that fell silent shortly before the end is lost all
 * the same: a message and a half went unanswered, and the half second that the generator waits for the last answers.
 */
function withSilence(connection: Connection, stream: StreamStart): Connection {
  const silentUs = connection.endUs - connection.lastProgressUs;
  const silent = stream.mode === "stream" && stream.intervalUs > 0 && silentUs > 1.5 * stream.intervalUs + 5e5;
  return connection.cause === "none" && connection.establishedUs !== null && silent
    ? { ...connection, cause: "stalled" }
    : connection;
}

/** Still trying when the traffic ended, or tried while an event was carried out or nothing passed. */
function isExcused({ scales, endT }: Timeline, connection: Connection, at: (us: number) => number): boolean {
  if (connection.cause === "none") return endT - at(connection.startUs) < 2e9;
  return scales.some((scale, i) => {
    const undone = scales.slice(i + 1).find(({ meaning }) => meaning.undoes === scale.meaning.kind);
    const until = scale.meaning.interrupts ? (undone?.effectiveT ?? endT) : scale.effectiveT;
    return at(connection.startUs) <= until && at(connection.endUs) >= scale.requestedT;
  });
}

/** Which target answered first, against the stages that were, or may have been, in force while the connection was set up. */
function judgeAssignment(
  outcomes: ConnectionOutcomes,
  stages: readonly Stage[],
  connection: Connection,
  startT: number,
  establishedT: number,
  pick: ((stage: Stage) => string | null) | null,
  tell: (text: string) => void,
): void {
  const target = connection.target;
  if (target === null) return;
  const possible = stages.filter((stage, i) => {
    const next = stages[i + 1];
    return stage.requestedT <= establishedT && (next === undefined || next.effectiveT > startT);
  });
  if (!possible.some((stage) => stage.active.has(target))) {
    outcomes.onInactiveTarget++;
    tell(`answered by ${target}, which was not active then`);
  }
  if (!pick) return;
  const expected = possible.map(pick);
  if (expected.includes(null)) return;
  outcomes.assigned.checked++;
  if (!expected.includes(target)) {
    outcomes.assigned.mispredicted++;
    tell(`answered by ${target}, predicted ${expected.join(" or ")}`);
  }
}

/**
 * The event that a loss belongs to. A connection notices at its next message, so the event's window is two message
 * intervals (1 s at least); silence is dated back to the last sign of life.
 */
function attribute(
  timeline: Timeline,
  connection: Connection,
  establishedT: number,
  intervalUs: number,
  at: (us: number) => number,
): number | "outside" | null {
  if (connection.cause === "none") return null;
  const windowNs = Math.max(2 * intervalUs, 1e6) * 1000;
  const lossT = SILENT.has(connection.cause) ? at(connection.lastProgressUs) + intervalUs * 1000 : at(connection.endUs);
  for (let i = timeline.scales.length - 1; i >= 0; i--) {
    const scale = timeline.scales[i];
    if (!scale || lossT < scale.requestedT) continue;
    // What was opened under the new state of things has no part in the change.
    return lossT <= scale.effectiveT + windowNs && establishedT < scale.effectiveT ? i : "outside";
  }
  return "outside";
}
