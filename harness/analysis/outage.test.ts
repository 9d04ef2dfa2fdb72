// SPDX-License-Identifier: Apache-2.0
// Records written by hand: both of two targets leave at 5 s and return at 10 s.
import test from "ava";
import type { OracleSpec } from "../oracle/oracle.ts";
import type { Cause, Connection, Event, WithoutTargets } from "../record/schema.ts";
import { machines, runInfo, streamStart } from "../report/fixture-base.ts";
import { analyse } from "./analyse.ts";

const S = 1e9;
const T0 = 1000 * S;
const targets = machines(1, 2);
const run = { ...runInfo("nfqueue", "scale", targets, []), family: "4" } as const;
const oracle: OracleSpec = { strategy: "stateful", flush: true, assign: null };
const COUNT = 200;

const opened = (id: number, generation: number, more: Partial<Connection>): Connection => ({
  stream: "ipv4",
  id,
  generation,
  cause: "none",
  srcOffset: 1 + id,
  sport: 2000 + generation,
  target: targets[id % 2] ?? null,
  movedTo: null,
  startUs: id * 1000,
  establishedUs: id * 1000 + 200,
  endUs: 15e6,
  longestGapUs: 0,
  lastProgressUs: 14.9e6,
  sent: 15,
  received: 15,
  ...more,
});
/** Lost when the targets leave, tried at 7 s in vain, and there again at 10.2 s. */
const course = (id: number, cause: Cause, startUs: number, tookUs: number): Connection[] => [
  opened(id, 0, { cause: "stalled", lastProgressUs: 4e6 + id * 1000 + 200, endUs: 6.6e6, sent: 6, received: 5 }),
  opened(id, 1, {
    cause,
    startUs,
    establishedUs: null,
    target: null,
    endUs: startUs + tookUs,
    lastProgressUs: startUs,
  }),
  opened(id, 2, { startUs: 10.2e6, establishedUs: 10.21e6, sent: 4, received: 4 }),
];

const ATTEMPT = { startUs: 7e6, tookS: 1.5, noRoute: 0, first: {} as Partial<Connection> };

function summaryOf(
  withoutTargets: WithoutTargets,
  causeOf: (id: number) => Cause,
  attempt: Partial<typeof ATTEMPT> = {},
) {
  const { startUs, tookS, noRoute, first } = { ...ATTEMPT, ...attempt };
  const rows = Array.from({ length: COUNT }, (_, id) => course(id, causeOf(id), startUs, tookS * 1e6)).flat();
  for (const row of rows) if (row.generation === 0) Object.assign(row, first);
  const ends = { userUs: 1, systemUs: 1, lateSends: 0, maxLateUs: 0 };
  const scale = (action: string, s: number): Event => {
    const t = T0 + s * S;
    return { kind: "scale", t: t + 1e7, action, machines: [...targets], requestedT: t, effectiveT: t + 1e7 };
  };
  const deployed = { backend: "nfqueue", active: targets, effectiveOptions: {}, oracle, withoutTargets };
  const events: Event[] = [
    { kind: "deployed", t: T0 - S, ...deployed },
    streamStart(T0, COUNT, 1e6),
    scale("scale_in", 5),
    scale("scale_out", 10),
    { kind: "rows", t: 0, stream: "ipv4", offset: 0, count: rows.length },
    { kind: "stream_end", t: T0 + 15 * S, stream: "ipv4", ...ends },
    { kind: "counters", t: 0, machine: "vm-201", moment: "after", values: { "drop.nfqueue_no_target": 100 } },
    { kind: "counters", t: 0, machine: "vm-221", moment: "after", values: { ipOut: 1100, "drop.no_route": noRoute } },
    { kind: "counters", t: 0, machine: "vm-001", moment: "after", values: { ipIn: 1000 } },
  ];
  return analyse(run, { events, connections: rows }).summary;
}

test("a loss belongs to the outage as long as that lasts, however late a busy machine resets the connection", (t) => {
  const late = { startUs: 9.2e6, tookS: 0.5, first: { cause: "reset", endUs: 9e6, lastProgressUs: 8.5e6 } } as const;
  const { events, connections } = summaryOf("silence", () => "timeout", late);
  t.like(events[0], { alive: COUNT, lost: COUNT, mispredicted: 0 });
  t.is(connections.lostOutsideEvents, 0);
});

test("without any target all is lost as predicted, attempts fail as they must, and all are there again", (t) => {
  const { verdict, reasons, outage, events, connections } = summaryOf("silence", () => "timeout");
  t.is(verdict, "pass", reasons.join("\n"));
  t.like(events[0], { alive: COUNT, lost: COUNT, mispredicted: 0 });
  t.like(events[1], { alive: 0, lost: 0 });
  t.is(connections.established, 2 * COUNT);
  t.like(outage, { attempts: COUNT, byCause: { timeout: COUNT }, mispredicted: 0 });
  t.true(
    reasons.some((text) =>
      /^While no target was in use \(5\.01 to 10\.00 s\) 200 attempts .*answers none\.$/.test(text),
    ),
  );
});

test("an answer where there should be none fails, and silence where each is to be ended", (t) => {
  const answered = summaryOf("silence", (id) => (id < 3 ? "refused" : "timeout"));
  t.is(answered.verdict, "fail");
  t.regex(answered.reasons[0] ?? "", /197 ended by timeout; 3 of them were not as predicted/);
  t.is(summaryOf("refused", (id) => (id < 5 ? "timeout" : "eof")).outage?.mispredicted, 5);
});

test("ICMP errors come at a limited rate: some silence is no fault, nothing but silence is, and so is a reset", (t) => {
  t.is(summaryOf("unreachable", (id) => (id < 190 ? "timeout" : "unreachable")).outage?.mispredicted, 0);
  t.is(summaryOf("unreachable", () => "timeout").outage?.mispredicted, COUNT);
  t.is(summaryOf("unreachable", (id) => (id < 4 ? "reset" : "unreachable")).outage?.mispredicted, 4);
});

test("an answer that comes after TCP has asked again is none at once, and the median, or the quickest, tells", (t) => {
  // Each of these attempts takes 1.5 s.
  const late = summaryOf("refused", () => "refused");
  t.deepEqual(late.outage?.answeredMs, { least: 1500, median: 1500 });
  t.deepEqual(late.reasons.slice(0, 1), [
    "While no target was in use clients were left to wait: half of the answers took 1500 ms or more.",
  ]);
  const quick = summaryOf("refused", () => "refused", { tookS: 0.02 });
  t.is(quick.verdict, "pass", quick.reasons.join("\n"));
  t.true(quick.reasons.some((text) => text.endsWith("Half of the answers came within 20.0 ms.")));
  t.is(summaryOf("silence", () => "timeout").outage?.answeredMs, null);
});

test("attempts at the edges of the outage are judged by nobody, and those before it are failures", (t) => {
  const edge = summaryOf("silence", () => "refused", { startUs: 9e6 });
  t.is(edge.outage?.attempts, 0);
  t.is(edge.verdict, "pass", edge.reasons.join("\n"));
  t.regex(
    summaryOf("silence", () => "refused", { startUs: 12e6 }).reasons.join(),
    /200 lost connections could not be opened again/,
  );
});

test("a reset that the tester could not send to a stranger is no packet that arrived without being sent", (t) => {
  const { packets } = summaryOf("silence", () => "timeout", { noRoute: 7 });
  t.is(packets.duplicated, undefined);
  t.deepEqual(packets.dropped, { nfqueue_no_target: 100 });
});
