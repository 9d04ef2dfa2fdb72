// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { StatefulSpec } from "../oracle/oracle.ts";
import type { Connection, Event, Summary } from "../record/schema.ts";
import { machines, runInfo, streamStart } from "../report/fixture-base.ts";
import { TESTER_NAME } from "../topology/topology.ts";
import { analyse } from "./analyse.ts";

const S = 1e9;
const T0 = 1000 * S;
const targets = machines(1, 4);
const [, second = "", , joining = ""] = targets;

/** 300 connections on three targets; a fourth one joins at 5 s, the second leaves at 6 s, and its 100 connections are opened again. */
function run(
  later: StatefulSpec["later"],
  reopenedOn: (i: number) => string,
  movedTo: (i: number) => string | null = () => null,
): Summary {
  const row = (id: number, target: string): Connection => ({
    stream: "ipv4",
    id,
    generation: 0,
    cause: "none",
    srcOffset: id + 1,
    sport: 2000,
    target,
    movedTo: null,
    startUs: id * 1000,
    establishedUs: id * 1000 + 200,
    endUs: 10e6,
    lastProgressUs: 9.9e6,
    longestGapUs: 0,
    sent: 10,
    received: 10,
  });
  const first = Array.from({ length: 300 }, (_, id) => row(id, targets[id % 3] ?? ""));
  const lost = first.filter(({ target }) => target === second);
  for (const [i, connection] of lost.entries()) {
    const moved = movedTo(i);
    const cause = moved === null ? "reset" : "wrong_target";
    Object.assign(connection, { cause, movedTo: moved, endUs: 6.2e6, lastProgressUs: 6e6 });
  }
  const again = lost.map(
    (connection, i): Connection => ({
      ...row(connection.id, reopenedOn(i)),
      generation: 1,
      startUs: 6.2e6 + i,
      establishedUs: 6.3e6 + i,
    }),
  );
  const change = (action: string, machine: string, s: number): Event => {
    const t = T0 + s * S;
    return { kind: "scale", t, action, machines: [machine], requestedT: t - 1e6, effectiveT: t };
  };
  const oracle: StatefulSpec = { strategy: "stateful", flush: true, assign: null, ...(later ? { later } : {}) };
  const active = targets.filter((name) => name !== joining);
  const events: Event[] = [
    { kind: "deployed", t: T0 - S, backend: "test", active, effectiveOptions: {}, oracle },
    streamStart(T0, 300, 1e6),
    change("scale_out", joining, 5),
    change("scale_in", second, 6),
    { kind: "stream_end", t: T0 + 10 * S, stream: "ipv4", userUs: 1, systemUs: 1, lateSends: 0, maxLateUs: 0 },
    { kind: "counters", t: T0 + 11 * S, machine: TESTER_NAME, moment: "after", values: { ipOut: 1 } },
  ];
  return analyse(runInfo("test", "churn", targets, []), { events, connections: [...first, ...again] }).summary;
}

const evenly = (i: number) => targets.filter((name) => name !== second)[i % 3] ?? "";
const complaints = ({ reasons }: Summary) => reasons.filter((reason) => reason.startsWith("After event"));

test("with least connections a target that joined gets the new connections", (t) => {
  const good = run("fewest", () => joining);
  t.deepEqual(complaints(good), []);
  const [window] = good.spreadAfterEvents ?? [];
  t.like(window, { event: 2, fromMs: 6000, toMs: 10_000 });
  t.is(Math.round(window?.expected?.[joining] ?? 0), 99);
  t.deepEqual(complaints(run("fewest", evenly)).length, 1);
  t.regex(
    complaints(run("fewest", evenly))[0] ?? "",
    /^After event 2 .*: vm-004 got 33, 99 expected \(chi-square p = /,
  );
});

test("where nobody remembers who had how many, and in turn, new connections spread evenly", (t) => {
  for (const later of ["fewest_since_change", "shares"] as const) {
    t.deepEqual(complaints(run(later, evenly)), []);
    t.is(complaints(run(later, () => joining)).length, 1, later);
  }
});

test("where nobody can know whose turn it is, nothing is judged, and the numbers are there", (t) => {
  const [window] = run(undefined, () => joining).spreadAfterEvents ?? [];
  t.like(window, { expected: null, chi2P: null });
  t.is(window?.perTarget[joining], 100);
});

test("a flow whose datagrams go to another target takes its turn, as the connection that takes its place does", (t) => {
  const all = targets.filter((name) => name !== second);
  // One turn for the datagram, the next one for the connection: of these alone some targets get more than others.
  const turn = (n: number) => all[n % 3] ?? "";
  const [opened, moved] = [(i: number) => turn(i < 51 ? 0 : 1), (i: number) => turn(i < 17 ? 0 : i < 33 ? 1 : 2)];
  for (const later of ["shares", "fewest_since_change"] as const) {
    t.is(complaints(run(later, opened)).length, 1, "they alone are uneven");
    const good = run(later, opened, moved);
    t.deepEqual(complaints(good), [], later);
    t.deepEqual(Object.values(good.spreadAfterEvents?.[0]?.perTarget ?? {}), [68, 65, 67]);
    t.is(complaints(run(later, evenly, () => joining)).length, 1, "and so are moved ones that all go to one target");
  }
});
