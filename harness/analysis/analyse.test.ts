// SPDX-License-Identifier: Apache-2.0
// The verdict on runs that never happened: a record is written by hand, so that every way to be wrong is seen to be caught.
// Over 300 lines: all verdicts are tested on one record.
import test from "ava";
import { EVENTS } from "../events/index.ts";
import { hashFlow, makeOracle, type OracleSpec } from "../oracle/oracle.ts";
import type { Cause, Connection, Event, RunInfo, Summary } from "../record/schema.ts";
import { streamStart } from "../report/fixture-base.ts";
import { analyse } from "./analyse.ts";
import { flowReader } from "./flows.ts";

const S = 1e9;
const T0 = 1000 * S;
const targets = Array.from({ length: 10 }, (_, i) => `vm-${String(i + 1).padStart(3, "0")}`);
const oracle: OracleSpec = { strategy: "maglev", m: 997, seed: 0, ports: true };
const start = streamStart(T0, 1000, 1e6);

const run: RunInfo = {
  schema: 1,
  id: "test",
  case: "nfqueue_scale_in",
  backend: "nfqueue",
  scenario: "scale_in",
  commandLine: [],
  startedAt: "",
  gitRevision: null,
  host: { hostname: "", kernel: "6.1", cpus: 2, cpuModel: "", memoryMiB: 1 },
  tools: {},
  runtime: "netns",
  targets,
  routers: ["vm-201"],
  family: "4",
  protocol: "tcp",
  seed: 1,
  options: {},
  backendOptions: {},
};

const before = makeOracle(
  oracle,
  targets.map((_, i) => i),
);
const after = makeOracle(oracle, [2, 3, 4, 5, 6, 7, 8, 9]);
const flowOf = flowReader(start);

/** A thousand connections through a faultless balancer; targets 1 and 2 leave at 5 s. */
function faultless(): Connection[] {
  return Array.from({ length: 1000 }, (_, id) => {
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
    const hash = hashFlow(oracle, flowOf(connection));
    connection.target = targets[before.pick(hash) ?? -1] ?? null;
    if (before.pick(hash) !== after.pick(hash)) Object.assign(connection, { cause: "reset", endUs: 5.5e6 });
    return connection;
  });
}

interface Options {
  sent?: number;
  received?: number;
  dropped?: number;
  lateSends?: number;
  extra?: Event[];
  /** Instead of the one at 5 s. */
  events?: Event[];
  without?: Event["kind"];
  spec?: OracleSpec;
}

function verdictOf(
  connections: Connection[],
  {
    sent = 1e4,
    received = 1e4,
    dropped = 0,
    lateSends = 0,
    extra = [],
    events: scales,
    without,
    spec = oracle,
  }: Options = {},
): Summary {
  const counters = (machine: string, moment: "before" | "after", values: Record<string, number>): Event => ({
    kind: "counters",
    t: 0,
    machine,
    moment,
    values,
  });
  const sample: Event = {
    kind: "sample",
    t: T0 + S,
    stream: "ipv4",
    alive: 1,
    connecting: 0,
    established: 1,
    failedConnects: 0,
    lost: {},
    sent: 10_000,
    received: 1,
    lateSends: 0,
    maxLateUs: 0,
    perTarget: {},
    hist: [[10, 1]],
  };
  const events: Event[] = [
    { kind: "deployed", t: T0 - S, backend: "nfqueue", active: targets, effectiveOptions: {}, oracle: spec },
    start,
    sample,
    ...(scales ?? [
      {
        kind: "scale",
        t: T0 + 5.01 * S,
        action: "scale_in",
        machines: targets.slice(0, 2),
        requestedT: T0 + 5 * S,
        effectiveT: T0 + 5.01 * S,
      } as const,
    ]),
    { kind: "stream_end", t: T0 + 10 * S, stream: "ipv4", userUs: 1, systemUs: 1, lateSends, maxLateUs: 0 },
    counters("vm-221", "before", { ipOut: 5 }),
    counters("vm-221", "after", { ipOut: sent + 5 }),
    counters("vm-201", "after", { "drop.no_route": dropped }),
    counters("vm-001", "after", { ipIn: received }),
    ...extra,
  ];
  return analyse(run, { events: events.filter((e) => e.kind !== without), connections }).summary;
}

/** Changes the first connection that fits. */
function change(connections: Connection[], fits: (c: Connection) => boolean, to: Partial<Connection>): Connection[] {
  const found = connections.find(fits);
  if (!found) throw new Error("No connection fits.");
  Object.assign(found, to);
  return connections;
}
/** A connection that was lost at the event and is opened again at 7 s. */
function again(to: Partial<Connection>): Connection {
  const found = faultless().find(lost);
  if (!found) throw new Error("None is lost.");
  const fresh: Connection = {
    ...found,
    generation: 1,
    cause: "none",
    startUs: 7e6,
    establishedUs: 7.1e6,
    endUs: 10e6,
    sport: 2000,
  };
  const index = after.pick(hashFlow(oracle, flowOf(fresh)));
  return { ...fresh, target: targets[index ?? -1] ?? null, ...to };
}
const lost = (c: Connection) => c.cause === "reset";
const kept = (c: Connection) => c.cause === "none";

test("a faultless run passes, with the losses that the oracle predicts", (t) => {
  const summary = verdictOf(faultless());
  t.is(summary.verdict, "pass", summary.reasons.join("\n"));
  const [event] = summary.events;
  t.like(event, { alive: 1000, ideal: 200, mispredicted: 0, kind: "scale_in" });
  t.is(event?.lost, event?.predicted ?? -1);
  t.deepEqual(event?.byCause, { reset: event?.lost });
  t.like(summary.connections, { planned: 1000, established: 1000, lostOutsideEvents: 0 });
});

type Wrong = [title: string, make: () => Summary, verdict: Summary["verdict"], reason: RegExp];

/** A queue of the balancer was full in a second in which other programs took so much. */
const overrun = (foreignCpus: number): Event[] => [
  ...grown("vm-202", { "drop.nfqueue_queue_dropped": 20 }),
  { kind: "machine", t: T0 + S, windowNs: S, busyCpus: 1.2, foreignCpus, stolenCpus: 0, cpus: 2 },
];

const wrongs: Wrong[] = [
  [
    "connections that fell silent shortly before the end",
    () => verdictOf(change(faultless(), kept, { lastProgressUs: 7e6 })),
    "fail",
    /1 connection was lost outside the events/,
  ],
  [
    "a lost connection that could not be opened again",
    () => verdictOf([...faultless(), again({ cause: "timeout", establishedUs: null, target: null, endUs: 8.5e6 })]),
    "fail",
    /1 lost connection could not be opened again/,
  ],
  [
    "a connection that was opened after the event and lost",
    () => verdictOf([...faultless(), again({ startUs: 5.6e6, establishedUs: 5.7e6, cause: "reset", endUs: 6e6 })]),
    "fail",
    /1 connection was lost outside the events/,
  ],
  [
    "rows that are missing",
    () => verdictOf(faultless().slice(0, 900)),
    "fail",
    /100 of 1,000 connections were not established/,
  ],
  [
    "a connection of which no target is known",
    () => verdictOf(change(faultless(), kept, { target: null })),
    "fail",
    /answered by no known target/,
  ],
  [
    "a connection that moved to another target than predicted",
    () => verdictOf(change(faultless(), lost, { cause: "wrong_target", movedTo: "vm-001" })),
    "fail",
    /moved to vm-001 at event 1, predicted/,
  ],
  [
    "no packets counted",
    () => verdictOf(faultless(), { sent: 0, received: 0 }),
    "insufficient",
    /No packets were counted/,
  ],
  [
    "a generator that fell behind and lost connections",
    () => verdictOf(change(faultless(), kept, { cause: "reset", endUs: 5.5e6 }), { lateSends: 500 }),
    "insufficient",
    /fell behind/,
  ],
  ...(
    [
      [
        "while other programs used the machine",
        0.9,
        "insufficient",
        /queue was full for 20 packets while other programs took up to 0\.9 CPUs in 1 of 1 second: /,
      ],
      ["on a machine of its own", 0.1, "fail", /moved to vm-001 at event 1, predicted/],
    ] as const
  ).map(
    ([when, foreignCpus, verdict, reason]): Wrong => [
      `losses beside a queue that was full, ${when}`,
      () =>
        verdictOf(change(faultless(), lost, { cause: "wrong_target", movedTo: "vm-001" }), {
          extra: overrun(foreignCpus),
        }),
      verdict,
      reason,
    ],
  ),
  [
    "a record that ends too early",
    () => verdictOf(faultless(), { without: "stream_end" }),
    "error",
    /record ends before the traffic/,
  ],
  [
    "a record without the counters at the end",
    () => verdictOf(faultless(), { without: "counters" }),
    "error",
    /record ends before the traffic/,
  ],
  [
    "a connection lost that should have been kept",
    () => verdictOf(change(faultless(), kept, { cause: "reset", endUs: 5.5e6 })),
    "fail",
    /outcomes? mispredicted/,
  ],
  [
    "a connection kept that should have been lost",
    () => verdictOf(change(faultless(), lost, { cause: "none", endUs: 10e6 })),
    "fail",
    /kept at event 1, predicted lost/,
  ],
  [
    "a connection lost before the event",
    () => verdictOf(change(faultless(), kept, { cause: "reset", endUs: 3e6 })),
    "fail",
    /1 connection was lost outside the events/,
  ],
  [
    "a connection lost long after the event",
    () => verdictOf(change(faultless(), kept, { cause: "eof", endUs: 9e6 })),
    "fail",
    /1 connection was lost outside the events/,
  ],
  [
    "a connection answered by the wrong target",
    () => verdictOf(change(faultless(), (c) => kept(c) && c.target !== "vm-010", { target: "vm-010" })),
    "fail",
    /answered by another target/,
  ],
  [
    "a reconnection answered by a target that left",
    () =>
      verdictOf([
        ...faultless(),
        { ...(faultless()[0] as Connection), generation: 1, startUs: 7e6, establishedUs: 7.1e6, target: "vm-001" },
      ]),
    "fail",
    /answered by an inactive target/,
  ],
  [
    "a connection that came up only after the event",
    () => verdictOf(change(faultless(), kept, { startUs: 6e6, establishedUs: 6.1e6 })),
    "fail",
    /1 of 1,000 connections was not established before/,
  ],
  [
    "a connection that never came up",
    () => verdictOf(change(faultless(), kept, { cause: "timeout", establishedUs: null, target: null })),
    "fail",
    /not established/,
  ],
  [
    "packets that vanished",
    () => verdictOf(faultless(), { received: 9_900 }),
    "fail",
    /100 of 10,000 packets are unaccounted for/,
  ],
  [
    "a balancer that died",
    () => verdictOf(faultless(), { extra: [{ kind: "fault", t: 0, text: "It died." }] }),
    "fail",
    /It died/,
  ],
  [
    "a lab that broke",
    () => verdictOf(faultless(), { extra: [{ kind: "error", t: 0, text: "No disk." }] }),
    "error",
    /No disk/,
  ],
  [
    "a generator that fell behind",
    () => verdictOf(faultless(), { lateSends: 500 }),
    "insufficient",
    /fell behind: 500 of 10,000 sends/,
  ],
];
for (const [title, make, verdict, reason] of wrongs)
  test(`${title}: the verdict is ${verdict}`, (t) => {
    const summary = make();
    t.is(summary.verdict, verdict, summary.reasons.join("\n"));
    t.true(
      summary.reasons.some((r) => reason.test(r)),
      summary.reasons.join("\n"),
    );
  });

test("a spread that no strategy promised is not judged, and the report says why", (t) => {
  const onOne = () => faultless().map((c): Connection => ({ ...c, target: "vm-001", cause: "none", endUs: 10e6 }));
  const spec: OracleSpec = { strategy: "stateful", flush: false, assign: null };
  const judged = verdictOf(onOne(), { spec });
  t.is(judged.verdict, "fail");
  t.regex(judged.reasons.join(), /spread over the targets does not fit/);
  const open = verdictOf(onOne(), { spec: { ...spec, uneven: true } });
  t.is(open.verdict, "pass", open.reasons.join("\n"));
  t.is(open.spread.chi2P, null);
  t.true(open.spread.unpredicted);
  t.regex(open.reasons.join(), /this strategy has no fixed shares/);
});

test("a standby target gets nothing: that is judged, and an answer by it is a fault of its own", (t) => {
  const priorities = targets.map((_, i) => (i === 9 ? 2 : 1));
  const spec: OracleSpec = {
    strategy: "stateful",
    flush: false,
    assign: { strategy: "scaled", hash: null, priorities },
  };
  const rows = (targetOf: (id: number) => number) =>
    faultless().map((c): Connection => ({ ...c, target: targets[targetOf(c.id)] ?? null, cause: "none", endUs: 10e6 }));
  const right = verdictOf(
    rows((id) => id % 9),
    { spec },
  );
  t.is(right.verdict, "pass", right.reasons.join("\n"));
  t.true((right.spread.chi2P ?? 0) > 0.9);
  const some = verdictOf(
    rows((id) => (id === 7 ? 9 : id % 9)),
    { spec },
  );
  t.is(some.verdict, "fail");
  t.deepEqual(some.reasons, [
    "1 connection was answered by vm-010; this strategy gives it none while the others are active.",
  ]);
  t.deepEqual(some.deterministicFailures, some.reasons);
  t.is(some.spread.chi2P, 0);
  t.regex(
    verdictOf(
      rows(() => 9),
      { spec },
    ).reasons.join(),
    /^1,000 connections were answered by vm-010/,
  );
});

test("packets dropped by name are accounted for", (t) => {
  const summary = verdictOf(faultless(), { received: 9_900, dropped: 100 });
  t.is(summary.verdict, "pass");
  t.deepEqual(summary.packets, { sent: 10_000, received: 9_900, dropped: { no_route: 100 }, unaccounted: 0, noise: 3 });
});

test("a target's own ICMP errors without a route back are no packets on their way to it", (t) => {
  const { packets, verdict } = verdictOf(faultless(), {
    received: 9_900,
    dropped: 105,
    extra: [{ kind: "counters", t: 0, machine: "vm-002", moment: "after", values: { icmpErrorsOut: 5 } }],
  });
  t.is(verdict, "pass");
  t.deepEqual(packets, { sent: 10_000, received: 9_900, dropped: { no_route: 100 }, unaccounted: 0, noise: 3 });
  t.is(
    verdictOf(faultless(), { received: 9_900, dropped: 105 }).packets.duplicated,
    5,
    "without one they are too many",
  );
});

test("of a narrow way's machine the ICMP errors count, whatever else its kernel calls sent", (t) => {
  const narrow = (values: Record<string, number>) =>
    verdictOf(faultless(), {
      received: 10_020,
      extra: [{ kind: "counters", t: 0, machine: "vm-222", moment: "after", values }],
    }).packets;
  const { icmpErrors, unaccounted } = narrow({ ipOut: 9_000, icmpErrorsOut: 20 });
  t.deepEqual([icmpErrors, unaccounted], [20, 0]);
  t.is(narrow({ ipOut: 20 }).icmpErrors, 20, "as older records have it");
});

test("with a proxy in between each half of the way is held against its own end", (t) => {
  const relay = (moment: "before" | "after", [received, sent]: [number, number]): Event => ({
    kind: "counters",
    t: 0,
    machine: "vm-201",
    moment,
    values: { "relay.in": received, "relay.out": sent },
  });
  const through = (ended: number, begun: number) =>
    verdictOf(faultless(), {
      received: 8_000,
      extra: [relay("before", [7, 9]), relay("after", [7 + ended, 9 + begun])],
    });
  t.deepEqual(through(10_000, 8_000).packets, {
    sent: 10_000,
    received: 8_000,
    dropped: {},
    unaccounted: 0,
    noise: 3,
    relayed: { in: 10_000, out: 8_000 },
  });
  t.is(through(10_000, 8_000).verdict, "pass");
  t.is(through(9_900, 8_000).packets.unaccounted, 100);
  t.regex(through(10_000, 8_100).reasons.join(), /100 of 10,000 packets are unaccounted for/);
});

test("packets of health checks that routers send must arrive too", (t) => {
  const probes = (n: number): Event[] =>
    (["before", "after"] as const).map((moment) => ({
      kind: "counters",
      t: 0,
      machine: "vm-201",
      moment,
      values: { probes: moment === "before" ? 3 : 3 + n },
    }));
  const checked = verdictOf(faultless(), { received: 10_300, extra: probes(300) });
  t.deepEqual(checked.packets, { sent: 10_000, received: 10_300, dropped: {}, unaccounted: 0, noise: 3, probes: 300 });
  t.is(checked.verdict, "pass");
  t.is(verdictOf(faultless(), { received: 10_000, extra: probes(300) }).packets.unaccounted, 300);
  // So many were sent between two readings before the traffic, and after it: no more than these may be on their way.
  const unsure = ([first, last]: [number, number]) =>
    probes(300).map(
      (e, i): Event =>
        e.kind === "counters" ? { ...e, values: { ...e.values, "probes.unsure": i === 0 ? first : last } } : e,
    );
  const unaccounted = (received: number, ends: [number, number]) => {
    const { packets } = verdictOf(faultless(), { received, extra: unsure(ends) });
    return packets.unaccounted - (packets.duplicated ?? 0);
  };
  t.is(unaccounted(10_250, [0, 60]), 0);
  t.is(unaccounted(10_200, [0, 60]), 40);
  t.is(unaccounted(10_320, [0, 60]), -20);
  t.is(unaccounted(10_320, [30, 0]), 0);
});

/** Before the traffic nothing was counted. */
function grown(machine: string, values: Record<string, number>): Event[] {
  const zeros = Object.fromEntries(Object.keys(values).map((name) => [name, 0]));
  return [
    { kind: "counters", t: 0, machine, moment: "before", values: zeros },
    { kind: "counters", t: 0, machine, moment: "after", values },
  ];
}

test("packets that netem damaged and that nobody counts are so many at most as it may have damaged", (t) => {
  const damaged = (received: number, expected: number) =>
    verdictOf(faultless(), { received, extra: grown("netem", { "drop.netem": 30, "damage.net2": expected }) });
  const some = damaged(9_950, 16);
  t.deepEqual(some.packets.dropped, { netem: 30, corrupted: 20 });
  t.is(some.packets.unaccounted, 0);
  t.is(some.verdict, "pass", some.reasons.join("\n"));
  // 16 are expected, and 4 times 4 more are chance.
  t.deepEqual(damaged(9_900, 16).packets.dropped, { netem: 30, corrupted: 32 });
  t.regex(damaged(9_900, 16).reasons.join(), /38 of 10,000 packets are unaccounted for/);
  t.is(damaged(9_950, 0).packets.unaccounted, 20);
  t.is(damaged(9_980, 16).packets.duplicated, 10, "more than were sent is no damage");
});

test("what a program in the link dropped, doubled and damaged is accounted for to the packet, and named", (t) => {
  const told = { "path.received": 20_000, "path.lost": 90, "path.copied": 70, "path.damaged": 9, "path.ahead": 5 };
  const impaired = (received: number) => {
    const way = { "drop.path": 40, "copies.path": 30, "damaged.net2": 4 };
    return verdictOf(faultless(), { received, extra: grown("path", { ...way, ...told }) });
  };
  const exact = impaired(9_990);
  t.is(exact.verdict, "pass", exact.reasons.join("\n"));
  t.deepEqual(exact.packets.dropped, { path: 40 });
  t.like(exact.packets, { unaccounted: 0, path: { received: 20_000, lost: 90, copied: 70, damaged: 9, ahead: 5 } });
  t.true(
    exact.reasons.includes(
      "The impaired link did what it was asked to: of 20,000 packets 90 dropped, 70 sent twice, 9 damaged and 5 sent ahead of others.",
    ),
    exact.reasons.join("\n"),
  );
  t.deepEqual(impaired(9_986).packets.dropped, { path: 40, corrupted: 4 });
  t.is(impaired(9_980).packets.unaccounted, 6, "no more than were damaged");
  t.is(impaired(9_996).packets.duplicated, 6, "no more than were sent twice");
});

test("connections that fell silent on a link that dropped packets by order are no result, and others a failure", (t) => {
  const path = { "drop.path": 0, "path.received": 20_000, "path.lost": 90 };
  const lost = (cause: "stalled" | "reset") => {
    const rows = faultless();
    const [first] = rows;
    if (first) Object.assign(first, { cause, endUs: 8e6, lastProgressUs: 2e6 });
    return verdictOf(rows, { extra: grown("path", path) });
  };
  const silent = lost("stalled");
  t.is(silent.verdict, "insufficient", silent.reasons.join("\n"));
  t.regex(silent.reasons.join(), /1 connection was lost outside the events because the link was impaired \(of 20,000 /);
  t.is(lost("reset").verdict, "fail");
});

test("no more connections than packets that a link dropped by order may wait for their answer", (t) => {
  const unanswered = (dropped: number) => {
    const rows = faultless();
    const kept = rows.filter(({ cause }) => cause === "none").slice(0, 2);
    for (const row of kept) Object.assign(row, { cause: "timeout", establishedUs: null, target: null });
    return verdictOf(rows, { extra: grown("path", { "path.received": 20_000, "path.lost": dropped }) });
  };
  const lossy = unanswered(2);
  t.is(lossy.verdict, "insufficient", lossy.reasons.join("\n"));
  t.regex(lossy.reasons.join(), /2 connections were not established in time because the link was impaired/);
  t.is(unanswered(1).verdict, "fail");
});

test("what a machine drops of answers is no drop on the way to the targets", (t) => {
  const values = { "drop.header_errors": 7, "drop.checksum": 5, "drop.no_route": 1 };
  const dropped = (machine: string, more: Event[] = []) =>
    verdictOf(faultless(), { extra: [...grown(machine, values), ...more] }).packets.dropped;
  t.deepEqual(dropped("vm-221"), { no_route: 1 });
  t.deepEqual(dropped("vm-202"), { header_errors: 7, checksum: 5, no_route: 1 });
  t.deepEqual(dropped("vm-202", grown("netem", { "damage.net2": 0 })), { header_errors: 7, checksum: 5, no_route: 1 });
  t.deepEqual(dropped("vm-202", grown("netem", { "damage.net1": 0 })), {});
  t.deepEqual(dropped("vm-221", grown("netem", { "damage.net1": 0 })), { no_route: 1 });
  t.deepEqual(dropped("vm-202", grown("vm-202", { "relay.in": 0 })), { no_route: 1 });
});

test("targets that die and come back are out of use until the balancer has found out, and how long it took is told", (t) => {
  const spec: OracleSpec = { strategy: "stateful", flush: true, assign: null };
  const dead = targets.slice(0, 2);
  const event = (action: "failure" | "failure_end", s: number, tookS: number): Event => ({
    kind: "scale",
    t: T0 + (s + tookS) * S,
    action,
    machines: dead,
    requestedT: T0 + s * S,
    effectiveT: T0 + (s + tookS) * S,
  });
  const connections = faultless().map((c): Connection => {
    const isLost = dead.includes(c.target ?? "");
    return { ...c, cause: isLost ? "reset" : "none", endUs: isLost ? 5.2e6 : 10e6 };
  });
  const extra = [event("failure", 3, 2.25), event("failure_end", 8, 0.5)];
  const summary = verdictOf(connections, { spec, events: extra });
  t.is(summary.verdict, "pass", summary.reasons.join("\n"));
  t.regex(summary.reasons.join("\n"), /vm-001, vm-002 died: the balancer detected it after 2\.25 s/);
  t.regex(summary.reasons.join("\n"), /came back: the balancer detected it after 0\.50 s/);
  t.deepEqual(
    summary.events.map(({ lost, predicted }) => lost - (predicted ?? 0)),
    [0, 0],
  );
  const kept = verdictOf(
    connections.map((c) => ({ ...c, cause: "none", endUs: 10e6 })),
    { spec, events: extra },
  );
  t.is(kept.verdict, "fail", "a connection to a dead target cannot live");
});

test("a silent loss is dated to the last sign of life, not to when it was noticed", (t) => {
  const stalled: Partial<Connection> = { cause: "stalled" as Cause, endUs: 10e6, lastProgressUs: 4.8e6 };
  const summary = verdictOf(change(faultless(), lost, stalled));
  t.is(summary.verdict, "pass", summary.reasons.join("\n"));
  t.is(summary.events[0]?.byCause.stalled, 1);
});

test("more packets in user space than connections explain fail a run that remembers connections", (t) => {
  const kept = faultless().map((c): Connection => ({ ...c, cause: "none", endUs: 10e6 }));
  const spec: OracleSpec = { strategy: "stateful", flush: true, assign: oracle, marks: ["tcp"] };
  const asked = (queued: number, others: Event[] = []) => {
    const values = { balanced: 10_000, queued };
    const extra: Event[] = [{ kind: "counters", t: 0, machine: "vm-202", moment: "after", values }, ...others];
    return verdictOf(kept, { without: "scale", spec, extra });
  };
  t.is(asked(1010).verdict, "pass", asked(1010).reasons.join(" "));
  t.deepEqual(asked(1010).userSpace, { packets: 10_000, queued: 1010 });
  t.is(asked(5000).verdict, "fail");
  t.regex(asked(5000).reasons.join(" "), /5,000 of 10,000 packets went to user space, 1,000 expected/);
  const flood: Event = {
    kind: "flood",
    t: 0,
    of: "syn",
    perS: 4000,
    fromT: T0 + 3 * S,
    untilT: T0 + 4 * S,
    sent: 4000,
    refused: 0,
    tables: [],
    listeners: [],
    overrun: 0,
  };
  t.regex(asked(6000, [flood]).reasons.join(" "), /6,000 of 10,000 packets went to user space, 5,000 expected/);
  t.notRegex(asked(5000, [flood]).reasons.join(" "), /expected for these/);
});

test("events of a kind that neither the program knows nor the record explains are an error, by name", (t) => {
  const event = { kind: "scale", t: T0 + 5 * S, action: "eclipse", machines: targets.slice(0, 2) } as const;
  const summary = verdictOf(faultless(), { events: [{ ...event, requestedT: event.t, effectiveT: event.t }] });
  t.is(summary.verdict, "error");
  t.deepEqual(summary.reasons, ["The record has events of the unknown kind 'eclipse' without their meaning."]);
});

test("a kind from outside is judged by the meaning that the record carries", (t) => {
  const { apply: _, ...meaning } = { ...EVENTS.scale_in, kind: "retire" };
  const times = { t: T0 + 5 * S, requestedT: T0 + 5 * S, effectiveT: T0 + 5.01 * S };
  const events: Event[] = [{ kind: "scale", action: "retire", meaning, machines: targets.slice(0, 2), ...times }];
  const { events: found } = verdictOf(faultless(), { events });
  const [usual] = verdictOf(faultless()).events;
  t.deepEqual(found, [{ ...usual, kind: "retire", meaning }]);
});

test("an event so late that some sent nothing after it is no result, and one that others outlive a failure", (t) => {
  const at: Event = {
    kind: "scale",
    t: 0,
    action: "scale_in",
    machines: targets.slice(0, 2),
    requestedT: T0 + 5 * S,
    effectiveT: T0 + 9.7 * S,
  };
  // Those from 700 on are yet to send.
  const seen = (from: number) =>
    faultless().map((c): Connection => (lost(c) && c.id < from ? { ...c, cause: "none", endUs: 10e6 } : c));
  const { verdict, reasons, events } = verdictOf(seen(700), { events: [at] });
  t.is(verdict, "insufficient", reasons.join("\n"));
  t.regex(reasons.join("\n"), /came into force so late that 1\d\d connections sent nothing/);
  t.is(events[0]?.mispredicted, 0);
  t.is(verdictOf(seen(0), { events: [at] }).verdict, "pass");
  const failed = verdictOf(seen(800), { events: [at] });
  t.is(failed.verdict, "fail");
  t.regex(failed.reasons.join("\n"), /1\d outcomes mispredicted|2\d outcomes mispredicted/);
});

test("what went wrong is told with its cause and its target", (t) => {
  const onTarget3 = (c: Connection) => kept(c) && c.target === "vm-003";
  const reset = faultless();
  for (let i = 0; i < 4; i++)
    change(reset, (c) => onTarget3(c) && c.cause === "none", { cause: "reset", endUs: 5.5e6 });
  t.regex(
    verdictOf(reset).reasons.join("\n"),
    /4 outcomes mispredicted: 4 by reset, all on vm-003\.\n.*lost by reset at event 1/,
  );
  const outside = change(faultless(), onTarget3, { cause: "stalled", lastProgressUs: 1e6, endUs: 3e6 });
  t.regex(
    verdictOf(outside).reasons.join("\n"),
    /1 connection was lost outside the events: 1 by stalled, all on vm-003\./,
  );
  const never = change(faultless(), onTarget3, { establishedUs: 6e6 });
  t.regex(
    verdictOf(never).reasons.join("\n"),
    /1 of 1,000 connections was not established before the first event, all on vm-003\./,
  );
});

test("a target that answers with another's name is told in one sentence", (t) => {
  const renamed = faultless().map((c) => (c.target === "vm-003" ? { ...c, target: "vm-004" } : c));
  t.regex(verdictOf(renamed).reasons.join("\n"), /^vm-003 answers as vm-004: \d+ connections predicted for it/m);
  const all = faultless().map((c) => ({ ...c, target: "vm-004" }));
  t.notRegex(verdictOf(all).reasons.join("\n"), /answers as/);
});

test("a change that comes into force later than the balancer said is a fault", (t) => {
  const answers = (bucket: number): Event => ({
    kind: "sample",
    t: T0 + 6 * S,
    stream: "ipv4",
    alive: 1,
    connecting: 0,
    established: 1,
    failedConnects: 0,
    lost: {},
    sent: 10_000,
    received: 1,
    lateSends: 0,
    maxLateUs: 0,
    perTarget: {},
    hist: [[bucket, 1]],
  });
  const until = (progressUs: number) =>
    faultless().map((c) => (lost(c) ? { ...c, lastProgressUs: progressUs, endUs: 5.8e6 } : c));
  const late = verdictOf(until(5.5e6), { extra: [answers(10)] });
  t.is(late.verdict, "fail");
  t.regex(late.reasons.join("\n"), /were still answered by the old target up to 490 ms after the balancer said/);
  t.is(late.deterministicFailures.length, 1);
  t.is(verdictOf(until(5.02e6), { extra: [answers(10)] }).verdict, "pass");
  t.is(verdictOf(until(5.5e6), { extra: [answers(500)] }).verdict, "pass", "an answer may be that old");
});
