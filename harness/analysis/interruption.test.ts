// SPDX-License-Identifier: Apache-2.0
// Records written by hand: the balancer is away from 5 to 5.5 s.
import test from "ava";
import type { Cause, Connection, Disruption, Event, Lifecycle } from "../record/schema.ts";
import { machines, runInfo, streamStart } from "../report/fixture-base.ts";
import { analyse } from "./analyse.ts";

const S = 1e9;
const T0 = 1000 * S;
const targets = machines(1, 2);
const run = { ...runInfo("nfqueue", "crash", targets, ["vm-201"]), family: "4" } as const;
const COUNT = 200;
const AWAY = { fromUs: 5e6, toUs: 5.5e6 };

/** A message a second on each connection, 5 ms apart: those with numbers from 0 to 99 send while the balancer is away. */
const open = (id: number, more: Partial<Connection> = {}): Connection => ({
  stream: "ipv4",
  id,
  generation: 0,
  cause: "none",
  srcOffset: 1 + id,
  sport: 2000,
  target: targets[id % 2] ?? null,
  movedTo: null,
  startUs: id * 5000,
  establishedUs: id * 5000 + 200,
  endUs: 9e6,
  longestGapUs: 0,
  lastProgressUs: 8.9e6,
  sent: 9,
  received: 9,
  ...more,
});

/** One each 2 ms; those of the outage end by `cause`, or come after their second SYN. */
const arrivals = (cause: Cause): Connection[] =>
  Array.from({ length: 4000 }, (_, id) => {
    const startUs = id * 2000 + 1000;
    const isAway = startUs > AWAY.fromUs && startUs < AWAY.toUs;
    const fails = isAway && cause !== "none";
    // A second SYN; of the others some come late, on a busy machine.
    const establishedUs = fails ? null : startUs + (isAway ? 1e6 : id % 10 === 0 ? 600e3 : 300);
    return open(id, {
      stream: "ipv4/new",
      startUs,
      establishedUs,
      cause: fails ? cause : "none",
      target: fails ? null : "vm-001",
      endUs: (establishedUs ?? startUs) + 10,
      sent: 1,
      received: fails ? 0 : 1,
    });
  });

interface Case {
  end: Disruption;
  rows?: (id: number) => Connection;
  fresh?: Cause;
}

function summaryOf({ end, rows = open, fresh = "none" }: Case) {
  const lifecycle: Lifecycle = { keeps: "nothing", balancer_stop: end, balancer_kill: end };
  const ends = { userUs: 1, systemUs: 1, lateSends: 0, maxLateUs: 0 };
  const happens = (action: string, s: number): Event => {
    const t = T0 + s * S;
    return { kind: "scale", t: t + 1e6, action, machines: ["vm-201"], requestedT: t, effectiveT: t + 1e6 };
  };
  const missed = Array.from({ length: 100 }, (_, id) => AWAY.fromUs + id * 5000);
  const connections = [...Array.from({ length: COUNT }, (_, id) => rows(id)), ...arrivals(fresh)];
  const events: Event[] = [
    {
      kind: "deployed",
      t: T0 - S,
      backend: "nfqueue",
      active: targets,
      effectiveOptions: {},
      oracle: { strategy: "stateful", flush: true, assign: null },
      lifecycle,
    },
    streamStart(T0, COUNT, 1e6),
    { ...streamStart(T0, 4000, 0), stream: "ipv4/new", mode: "connect", arrivals: true },
    happens("balancer_kill", 5),
    happens("balancer_restart", 5.5),
    { kind: "missed", t: T0 + 6 * S, stream: "ipv4", us: [...missed].reverse() },
    // A busy machine's, long after.
    { kind: "missed", t: T0 + 8 * S, stream: "ipv4", us: [7.2e6] },
    { kind: "rows", t: 0, stream: "ipv4", offset: 0, count: connections.length },
    { kind: "stream_end", t: T0 + 9 * S, stream: "ipv4", ...ends },
    { kind: "stream_end", t: T0 + 9 * S, stream: "ipv4/new", ...ends },
    { kind: "counters", t: 0, machine: "vm-221", moment: "after", values: { ipOut: 1000 } },
    { kind: "counters", t: 0, machine: "vm-001", moment: "after", values: { ipIn: 1000 } },
  ];
  return analyse(run, { events, connections }).summary;
}

const SILENCE: Disruption = { open: "silence", fresh: "silence" };

test("an outage of 500 ms is found from the messages and the attempts that fell into it, within 2 ms", (t) => {
  const { verdict, reasons, events, connections, arrivals: came } = summaryOf({ end: SILENCE });
  t.is(verdict, "pass", reasons.join("\n"));
  const found = events[0]?.interruption;
  for (const silence of [found?.open, found?.fresh]) {
    const { fromMs = 0, toMs = 0, exactMs = 9 } = silence ?? {};
    t.true(Math.abs((fromMs ?? 0) - 5000) <= 2.5, `${fromMs}`);
    t.true(Math.abs((toMs ?? 0) - (fromMs ?? 0) - 500) <= 2, `${toMs}`);
    t.true((exactMs ?? 9) <= 2.5, `${exactMs}`);
  }
  t.like(found, { open: { missed: 100 }, fresh: { missed: 250 }, failed: 0, mispredicted: 0 });
  t.like(events[0], { alive: COUNT, lost: 0, predicted: 0, mispredicted: 0 });
  t.false("interruption" in (events[1] ?? {}), "what ends an interruption has none of its own");
  t.is(connections.planned, COUNT, "arrivals are counted apart");
  t.deepEqual(came, { attempts: 4000, served: 4000, failedOutsideEvents: 0 });
});

test("a balancer that should go on serving, and does not, fails for open and for new connections", (t) => {
  const { verdict, reasons } = summaryOf({ end: { open: "served", fresh: "served" } });
  t.is(verdict, "fail");
  t.regex(
    reasons[0] ?? "",
    /^Event 1 \(balancer_kill of vm-201\): open connections were not served for 500\.0 ± 5\.0 ms/,
  );
  t.regex(reasons[1] ?? "", /new connections were not served for 499\.0 ms/);
});

test("attempts that are refused where there should be silence are mispredicted", (t) => {
  t.is(summaryOf({ end: { open: "silence", fresh: "refused" }, fresh: "refused" }).verdict, "pass");
  const { verdict, events, reasons } = summaryOf({ end: SILENCE, fresh: "refused" });
  t.is(verdict, "fail");
  t.like(events[0]?.interruption, { failed: 250, mispredicted: 250 });
  t.regex(reasons.join("\n"), /250 of 250 attempts to connect that came to nothing ended otherwise/);
});

const cut = (id: number) => open(id, { cause: "reset", endUs: 5.0005e6, lastProgressUs: 4.9e6, sent: 5, received: 5 });

test("a process takes its connections along: each one that outlives it is mispredicted", (t) => {
  const end: Disruption = { open: "lost", fresh: "silence" };
  t.like(summaryOf({ end, rows: cut }).events[0], { lost: COUNT, predicted: COUNT, mispredicted: 0 });
  const { events } = summaryOf({ end, rows: (id) => (id < 3 ? open(id) : cut(id)) });
  t.is(events[0]?.mispredicted, 3);
});

test("where who sends is reset, exactly those are lost whose message is due while the balancer is away", (t) => {
  const end: Disruption = { open: "reset", fresh: "silence" };
  const sends = (id: number) => id < 100;
  const { events } = summaryOf({ end, rows: (id) => (sends(id) ? cut(id) : open(id)) });
  t.is(events[0]?.mispredicted, 0);
  t.is(events[0]?.lost, 100);
  t.is(summaryOf({ end, rows: (id) => (sends(id) && id !== 50 ? cut(id) : open(id)) }).events[0]?.mispredicted, 1);
  t.is(summaryOf({ end, rows: (id) => (sends(id) || id === 150 ? cut(id) : open(id)) }).events[0]?.mispredicted, 1);
});
