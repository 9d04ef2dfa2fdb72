// SPDX-License-Identifier: Apache-2.0
// Losses by a balancer that has forgotten its connections, in records written by hand: two of ten targets leave at 5 s.
import test from "ava";
import { hashFlow, makeOracle, type OracleSpec } from "../oracle/oracle.ts";
import type { StatefulSpec } from "../oracle/strategies/stateful.ts";
import type { Connection, Event } from "../record/schema.ts";
import { machines, runInfo, streamStart } from "../report/fixture-base.ts";
import { analyse } from "./analyse.ts";
import { flowReader } from "./flows.ts";

const S = 1e9;
const T0 = 1000 * S;
const targets = machines(1, 10);
const run = { ...runInfo("xdp", "scale_in", targets, []), family: "4" } as const;
const start = streamStart(T0, 1000, 1e6);
const maglev = { strategy: "maglev", m: 997, seed: 0, ports: true } as const;
const all = [...targets.keys()];
const [before, after] = [makeOracle(maglev, all), makeOracle(maglev, all.slice(2))];
const flowOf = flowReader(start);
const hashOf = (connection: Connection) => hashFlow(maglev, flowOf(connection));
const lru: StatefulSpec = {
  strategy: "stateful",
  flush: true,
  assign: maglev,
  marks: ["tcp", "udp"],
  memory: { entries: 100, again: true },
};
const timed: StatefulSpec = { strategy: "stateful", flush: true, assign: maglev, memory: { timeoutS: { tcp: 0.5 } } };

function opened(id: number): Connection {
  const connection: Connection = {
    stream: "ipv4",
    id,
    generation: 0,
    cause: "none",
    srcOffset: 1 + ((id * 7919) % 65_000),
    sport: 1024 + ((id * 104_729) % 60_000),
    target: null,
    movedTo: null,
    startUs: id * 1000,
    establishedUs: id * 1000 + 200,
    endUs: 10e6,
    longestGapUs: 0,
    lastProgressUs: 9.9e6,
    sent: 10,
    received: 10,
  };
  return { ...connection, target: targets[before.pick(hashOf(connection)) ?? -1] ?? null };
}
/** Answered up to this message, and reset by the next one. */
const lostAfter = (c: Connection, received: number): Connection => ({
  ...c,
  cause: "reset",
  endUs: c.startUs + received * 1e6 + 300,
  lastProgressUs: c.startUs + (received - 1) * 1e6 + 300,
  sent: received + 1,
  received,
});
const connections = Array.from({ length: 1000 }, (_, id) => opened(id));
const hasLeft = ({ target }: Connection) => targets.indexOf(target ?? "") < 2;
const isMoved = (c: Connection) => before.pick(hashOf(c)) !== after.pick(hashOf(c));

function summaryOf(oracle: OracleSpec, rows: Connection[]) {
  const ends = { userUs: 1, systemUs: 1, lateSends: 0, maxLateUs: 0 };
  const [requestedT, effectiveT] = [T0 + 5 * S, T0 + 5.01 * S];
  const events: Event[] = [
    { kind: "deployed", t: T0 - S, backend: "xdp", active: targets, effectiveOptions: {}, oracle },
    start,
    { kind: "scale", t: effectiveT, action: "scale_in", machines: targets.slice(0, 2), requestedT, effectiveT },
    { kind: "rows", t: 0, stream: "ipv4", offset: 0, count: rows.length },
    { kind: "stream_end", t: T0 + 10 * S, stream: "ipv4", ...ends },
    { kind: "counters", t: 0, machine: "vm-221", moment: "after", values: { ipOut: 1e4 } },
    { kind: "counters", t: 0, machine: "vm-001", moment: "after", values: { ipIn: 1e4 } },
  ];
  return analyse(run, { events, connections: rows }).summary;
}

test("what a full table moved at an event is lost for a cause of its own, and mispredicted by none", (t) => {
  const rows = connections.map((c) => (isMoved(c) ? lostAfter(c, 5) : c));
  const { verdict, reasons, events, forgotten, connections: counts } = summaryOf(lru, rows);
  const left = connections.filter(hasLeft).length;
  const moved = rows.filter(({ cause }) => cause === "reset").length - left;
  t.true(moved > 5);
  t.like(events[0], { lost: left, predicted: left, mispredicted: 0 });
  t.like(forgotten, { lost: moved, predicted: moved, interval: [0, moved], mispredicted: 0 });
  t.is(counts.lostOutsideEvents, 0);
  t.is(verdict, "pass", reasons.join("\n"));
  t.true(reasons.some((text) => text.includes("holds 100 of 1,000 connections")));
});

test("a full table that keeps more than it should is no fault; one that loses what its hash would keep is", (t) => {
  t.is(
    summaryOf(
      lru,
      connections.map((c) => (hasLeft(c) ? lostAfter(c, 5) : c)),
    ).verdict,
    "pass",
  );
  const kept = connections.findIndex((c) => !isMoved(c));
  const rows = connections.map((c, i) => (isMoved(c) || i === kept ? lostAfter(c, 5) : c));
  const { verdict, events } = summaryOf(lru, rows);
  t.is(verdict, "fail");
  t.is(events[0]?.mispredicted, 1);
});

test("connections that are silent for longer than they are remembered are lost at their second message, wherever the event is", (t) => {
  const { verdict, reasons, events, forgotten } = summaryOf(
    timed,
    connections.map((c) => lostAfter(c, 1)),
  );
  t.like(forgotten, { lost: 1000, predicted: 1000, interval: null, mispredicted: 0 });
  t.is(events[0]?.lost, 0);
  t.deepEqual(reasons, ["No connection was alive at an event."]);
  t.is(verdict, "insufficient", "nothing lived until the event");
});

test("a connection that lives on although it must have been forgotten is mispredicted", (t) => {
  const rows = connections.map((c, i) => (i === 7 ? c : lostAfter(c, 1)));
  const { verdict, reasons, forgotten } = summaryOf(timed, rows);
  t.is(verdict, "fail");
  t.is(forgotten?.mispredicted, 1);
  t.true(reasons.some((text) => text.startsWith("1 connection lived on although certain")));
  t.true(reasons.some((text) => text.includes("kept its connection at message 2")));
});

test("a balancer that remembers all of the load has nothing to say of it", (t) => {
  const rows = connections.map((c) => (hasLeft(c) ? lostAfter(c, 5) : c));
  const { verdict, forgotten } = summaryOf({ ...lru, memory: { entries: 4000, again: true } }, rows);
  t.is(verdict, "pass");
  t.is(forgotten, undefined);
});
