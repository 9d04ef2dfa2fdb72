// SPDX-License-Identifier: Apache-2.0
// Classifies: each row of the record with its times, its flow, and the event that its loss belongs to.
import { isSilent } from "../events/meaning.ts";
import type { Flow } from "../oracle/hash.ts";
import { hashFlow } from "../oracle/oracle.ts";
import type { Cause, Connection, RootCause, StreamStart } from "../record/schema.ts";
import { flowReader } from "./flows.ts";
import type { Timeline, View } from "./timeline.ts";

/** Times are monotonic ns. */
interface Common {
  recorded: Connection;
  stream: StreamStart;
  startT: number;
  endT: number;
  flow: Flow;
  /** null: there is no oracle, or nobody can know it. */
  hash: number | null;
  /** Of the router that it crosses. */
  view: View;
}

/** An attempt to connect that came to nothing. */
export interface Failed extends Common {
  establishedT: null;
}

export interface Established extends Common {
  establishedT: number;
  /** As recorded, but silence that the generator could not call a loss any more is one. */
  connection: Connection;
  /** Index of the stage in which it was established. */
  opened: number;
  /** The event that its loss belongs to; "forgotten": the balancer did not know it any more; null: it was not lost. */
  lossEvent: number | "outside" | "forgotten" | null;
  /** Monotonic ns at which it began to fail: when it ended, or when the answer was due that did not come. */
  lossT: number;
  /** What ended it in the first place; null: it was not lost. Said by `causes/`. */
  root: RootCause | null;
}

export type Row = Failed | Established;

const SILENT: ReadonlySet<Cause> = new Set<Cause>(["stalled", "timeout"]);

/** Reads rows one by one; null for those of a stream that never started. What is done for a million rows makes no closures. */
export function rowReader(timeline: Timeline): (recorded: Connection) => Row | null {
  const streams = new Map([...timeline.streams].map(([name, start]) => [name, { start, flowOf: flowReader(start) }]));
  return (recorded) => {
    const found = streams.get(recorded.stream);
    return found ? readRow(timeline, recorded, found.start, found.flowOf(recorded)) : null;
  };
}

function readRow(timeline: Timeline, recorded: Connection, stream: StreamStart, flow: Flow): Row {
  const startT = atNs(stream, recorded.startUs);
  const endT = atNs(stream, recorded.endUs);
  const { oracle } = timeline.deployed;
  const hash = oracle && hashFlow(oracle, flow);
  const view = timeline.viewOf(flow);
  if (recorded.establishedUs === null) return { recorded, stream, startT, endT, flow, hash, view, establishedT: null };
  const establishedT = atNs(stream, recorded.establishedUs);
  const connection = withSilence(recorded, stream);
  return {
    recorded,
    stream,
    startT,
    endT,
    establishedT,
    connection,
    flow,
    hash,
    view,
    opened: view.stages.findLastIndex((stage, k) => k === 0 || stage.requestedT <= establishedT),
    lossEvent: attribute(timeline, connection, { stream, startT, view }),
    lossT: lossTime(connection, stream),
    root: null,
  };
}

/** Monotonic ns of a row's microseconds. */
function atNs(stream: StreamStart, us: number): number {
  return stream.t + us * 1000;
}

/**
 * The generator calls a connection lost after some seconds of silence. One that fell silent shortly before the end is lost all
 * the same: a message and a half went unanswered, and the half second that the generator waits for the last answers.
 */
export function withSilence(connection: Connection, stream: StreamStart): Connection {
  const silentUs = connection.endUs - connection.lastProgressUs;
  const silent = stream.mode === "stream" && stream.intervalUs > 0 && silentUs > 1.5 * stream.intervalUs + 5e5;
  return connection.cause === "none" && silent ? { ...connection, cause: "stalled" } : connection;
}

/** The message that silence is dated back to may have been sent so much later than it was due. */
const SENT_LATE_NS = 20e6;

function lossTime({ cause, lastProgressUs, endUs }: Connection, stream: StreamStart): number {
  // What never got as far as its next message failed by its end.
  return atNs(stream, SILENT.has(cause) ? Math.min(lastProgressUs + stream.intervalUs, endUs) : endUs);
}

/**
 * The event that a loss belongs to. A connection notices at its next message, so the event's window is two message
 * intervals (1 s at least); silence is dated back to the last sign of life. What was sent to a target that died and that nobody knew to
 * be dead is sent again at growing distances: TCP waits for as long as it has waited so far. While no target is in use nothing
 * else can be the cause.
 */
function attribute(
  { scales }: Timeline,
  connection: Connection,
  { stream, startT, view }: Pick<Row, "stream" | "startT" | "view">,
): Established["lossEvent"] {
  const { cause } = connection;
  if (cause === "none") return null;
  const windowNs = Math.max(2 * stream.intervalUs, 1e6) * 1000;
  const silent = SILENT.has(cause);
  const lossT = lossTime(connection, stream);
  const i = scales.findLastIndex((scale) => lossT + (silent ? SENT_LATE_NS : 0) >= scale.requestedT);
  const scale = scales[i];
  // What was asked for under the new state of things has no part in the change.
  if (!scale || startT >= scale.effectiveT) return "outside";
  if (view.stages[i + 1]?.active.size === 0) return i;
  const waitedNs = isSilent(scale.meaning) ? scale.effectiveT - scale.requestedT : 0;
  return lossT <= scale.effectiveT + windowNs + waitedNs ? i : "outside";
}

/** Monotonic ns at which a message is due; they count from 0. */
export function sentAt({ stream, startT }: Pick<Established, "stream" | "startT">, message: number): number {
  return startT + message * stream.intervalUs * 1000;
}
