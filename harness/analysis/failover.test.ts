// SPDX-License-Identifier: Apache-2.0
// Records written by hand: the second of two routers dies at 4 s.
import test from "ava";
import { EVENTS } from "../events/index.ts";
import { TESTER_HASH } from "../oracle/course.ts";
import { hashFlow, makeOracle, type OracleSpec } from "../oracle/oracle.ts";
import type { Announcement, Connection, Event } from "../record/schema.ts";
import { machines, runInfo, streamStart } from "../report/fixture-base.ts";
import { analyse } from "./analyse.ts";
import { flowReader } from "./flows.ts";
import { waysOf } from "./rerouted.ts";

const S = 1e9;
const T0 = 1000 * S;
const targets = machines(1, 2);
const routers = ["vm-201", "vm-202"];
const run = { ...runInfo("nfqueue", "router_crash", targets, []), routers, family: "4" } as const;
const COUNT = 200;
const start = streamStart(T0, COUNT, 1e6);
const maglev: OracleSpec = { strategy: "maglev", m: 997, seed: 1, ports: true };
const table = makeOracle(maglev, [0, 1]);
const flowOf = flowReader(start);

const STATIC: Announcement = { by: "static", intervalMs: 100, misses: 3, detectionMs: [300, 400], serves: "all" };
const NONE: Announcement = { by: "none", intervalMs: 0, misses: 0, detectionMs: null, serves: "all" };

const row = (id: number, more: Partial<Connection> = {}): Connection => ({
  stream: "ipv4",
  id,
  generation: 0,
  cause: "none",
  srcOffset: 1 + id,
  sport: 2000,
  target: null,
  movedTo: null,
  startUs: id * 5000,
  establishedUs: id * 5000 + 200,
  endUs: 12e6,
  longestGapUs: 300,
  lastProgressUs: 11.9e6,
  sent: 11,
  received: 11,
  ...more,
});

interface Case {
  announcement?: Announcement;
  /** ms from the death until tester and target knew; absent: nobody found out. */
  found?: [number, number];
  rows?: (id: number) => Connection;
  spec?: OracleSpec;
  more?: Event[];
  time?: "virtual";
}

/** On the target that Maglev gives it. */
function placed(one: Connection): Connection {
  return { ...one, target: targets[table.pick(hashFlow(maglev, flowOf(one))) ?? 0] ?? null };
}

function summaryOf({ announcement = STATIC, found, rows = row, spec = maglev, more = [], time }: Case) {
  const diedT = T0 + 4 * S;
  const [tester, last] = (found ?? [0, 0]).map((ms) => diedT + ms * 1e6) as [number, number];
  const events: Event[] = [
    {
      kind: "deployed",
      t: T0 - S,
      backend: "nfqueue",
      active: targets,
      effectiveOptions: {},
      oracle: spec,
    },
    { kind: "announce", t: T0 - S, ...announcement },
    { kind: "routing", t: T0 - S, hash: TESTER_HASH },
    start,
    {
      kind: "failover",
      t: last,
      changedT: diedT,
      noticed: found
        ? [
            { machine: "vm-221", t: tester },
            { machine: "vm-001", t: last },
          ]
        : [],
    },
    {
      kind: "scale",
      t: last,
      action: "router_crash",
      machines: ["vm-202"],
      requestedT: diedT - 1e6,
      effectiveT: last,
    },
    ...more,
    { kind: "heard", t: 0, machine: "vm-221", arp: [T0, diedT + 1e6, diedT + 2e6], na: [diedT + 3e6] },
    { kind: "rows", t: 0, stream: "ipv4", offset: 0, count: COUNT },
    { kind: "stream_end", t: T0 + 12 * S, stream: "ipv4", userUs: 1, systemUs: 1, lateSends: 0, maxLateUs: 0 },
    { kind: "counters", t: 0, machine: "vm-221", moment: "after", values: { ipOut: 1000 } },
    { kind: "counters", t: 0, machine: "vm-001", moment: "after", values: { ipIn: 1000 } },
  ];
  const timed = time ? { ...run, time } : run;
  return analyse(timed, { events, connections: Array.from({ length: COUNT }, (_, id) => placed(rows(id))) }).summary;
}

const ways = (announcement: Announcement) =>
  waysOf(
    {
      scales: [{ meaning: EVENTS.router_crash, machines: ["vm-202"] }],
      oracle: null,
      announced: { ...announcement, hash: TESTER_HASH },
    },
    routers,
  );

const stalled = (id: number) => row(id, { cause: "stalled", lastProgressUs: 3.5e6, endUs: 9e6, received: 4 });

test("half of the flows cross each router, there and back alike, as the kernel's hash does not ask who is source", (t) => {
  const { moves, isCut } = ways(NONE);
  const flows = Array.from({ length: COUNT }, (_, id) => flowOf(row(id)));
  const moved = flows.filter((flow) => moves(flow, 0)).length;
  const cut = flows.filter((flow) => isCut(flow, "tcp", 0)).length;
  t.true(moved > 70 && moved < 130, `${moved}`);
  t.is(cut, moved);
  const { moves: allMove } = ways({ ...STATIC, serves: "last" });
  t.true(
    flows.every((flow) => allMove(flow, 0)),
    "the one that had them all is gone",
  );
});

test("where nobody finds out, exactly the connections whose way is cut are lost", (t) => {
  const { isCut } = ways(NONE);
  const rows = (id: number) => (isCut(flowOf(row(id)), "tcp", 0) ? stalled(id) : row(id));
  const { events } = summaryOf({ announcement: NONE, rows });
  t.like(events[0], { mispredicted: 0, failover: { by: "none", foundMs: null, expectedMs: null } });
  t.is(events[0]?.lost ?? -1, events[0]?.predicted ?? -2);
  const first = Array.from({ length: COUNT }, (_, id) => id).find((id) => isCut(flowOf(row(id)), "tcp", 0));
  t.is(summaryOf({ announcement: NONE, rows: (id) => (id === first ? row(id) : rows(id)) }).events[0]?.mispredicted, 1);
});

test("a balancer without memory loses none where the routers are found dead, and what waited is told", (t) => {
  const { moves } = ways(STATIC);
  const rows = (id: number) => row(id, moves(flowOf(row(id)), 0) ? { longestGapUs: 400_000 + id } : {});
  const { events, reasons, verdict } = summaryOf({ found: [330, 390], rows });
  t.like(events[0], { lost: 0, predicted: 0, mispredicted: 0 });
  const found = events[0]?.failover;
  t.deepEqual(found?.foundMs, { first: 330, last: 390 });
  t.deepEqual(found?.heard, { arp: 2, na: 1 }, "what was heard before is none of it");
  t.regex(reasons.join(), /the tester heard 2 gratuitous ARPs and 1 unsolicited neighbour advertisements/);
  t.true((found?.silenceMs?.p50 ?? 0) > 400 && (found?.silenceMs?.p50 ?? 0) < 400.2);
  t.is(verdict, "pass", reasons.join("\n"));
});

test("a router that is found too early, or too late for the timers, fails", (t) => {
  for (const found of [
    [120, 390],
    [330, 700],
  ] as [number, number][]) {
    const { verdict, reasons } = summaryOf({ found });
    t.is(verdict, "fail");
    t.regex(
      reasons.join("\n"),
      /Event 1 \(router_crash of vm-202\): the first machine found out after 0\.\d+ s.*0\.300 s to 0\.400 s/,
    );
  }
});

test("a router that is found too late while others take the machine's time is no result, but where time is virtual", (t) => {
  const busy = (atS: number, foreignCpus: number): Event => ({
    kind: "machine",
    t: T0 + atS * S,
    windowNs: S,
    busyCpus: 2,
    foreignCpus,
    stolenCpus: 0,
    cpus: 2,
  });
  const late = (more: Event[], time?: "virtual") => summaryOf({ found: [330, 700], more, ...(time ? { time } : {}) });
  const { verdict, reasons } = late([busy(5, 1.5)]);
  t.is(verdict, "insufficient");
  t.regex(reasons.join("\n"), /0\.700 s; 0\.300 s to 0\.400 s .*other programs took up to 1\.5 CPUs/);
  t.is(late([busy(5, 0.2)]).verdict, "fail", "they took little");
  t.is(late([busy(9, 1.5)]).verdict, "fail", "not at that time");
  t.is(late([busy(5, 1.5)], "virtual").verdict, "fail");
});

test("with addresses rewritten exactly those are lost that crossed the router that died", (t) => {
  const spec: OracleSpec = { strategy: "stateful", flush: true, assign: null };
  const { moves } = ways(STATIC);
  const rows = (id: number) =>
    moves(flowOf(row(id)), 0) ? row(id, { cause: "reset", endUs: 4.5e6, lastProgressUs: 3.9e6 }) : row(id);
  const { events } = summaryOf({ found: [330, 390], rows, spec });
  t.is(events[0]?.mispredicted, 0);
  t.is(events[0]?.lost ?? -1, events[0]?.predicted ?? -2);
  t.true((events[0]?.lost ?? 0) > 70);
});
