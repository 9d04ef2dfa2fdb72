// SPDX-License-Identifier: Apache-2.0
// Parts of a made-up record in which connections are made over one stream, for tests of the analysis.
import type { Connection, Event, StreamStart } from "../record/schema.ts";

/** A second in ns. */
export const S = 1e9;

type Started = Extract<Event, { kind: "stream_start" }>;

/** A stream of connections over IPv4 from the second 1 on. */
export function streamStart(over: Partial<StreamStart> & Pick<StreamStart, "connections">): Started {
  return {
    kind: "stream_start",
    t: S,
    stream: "ipv4",
    mode: "connect",
    family: 4,
    protocol: "tcp",
    srcCidr: "50.0.0.0/16",
    dst: "10.0.0.0",
    dport: 5001,
    intervalUs: 0,
    stallUs: 0,
    ...over,
  };
}

/** That stream's end, after so many seconds. */
export function streamEnd(
  afterS: number,
  { stream, t }: Pick<Started, "stream" | "t"> = { stream: "ipv4", t: S },
): Event {
  return { kind: "stream_end", t: t + afterS * S, stream, userUs: 0, systemUs: 0, lateSends: 0, maxLateUs: 0 };
}

/** One that was answered, or with the target null one that was not, once it had taken until `endUs`. */
export function connectionOf(over: Partial<Connection> & Pick<Connection, "id" | "target" | "endUs">): Connection {
  const isAnswered = over.target !== null;
  return {
    stream: "ipv4",
    generation: 0,
    cause: isAnswered ? "none" : "timeout",
    srcOffset: 1 + over.id,
    sport: 1024 + over.id,
    movedTo: null,
    startUs: 0,
    establishedUs: isAnswered ? over.endUs : null,
    longestGapUs: 0,
    lastProgressUs: 0,
    sent: 1,
    received: 1,
    ...over,
  };
}
