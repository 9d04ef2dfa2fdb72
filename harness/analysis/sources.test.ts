// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { OracleSpec } from "../oracle/oracle.ts";
import type { Event } from "../record/schema.ts";
import { runInfo } from "../report/fixture-base.ts";
import { analyse } from "./analyse.ts";
import { connectionOf, S, streamEnd, streamStart } from "./connect-fixture.ts";

const targets = ["vm-001", "vm-002", "vm-003", "vm-004"];
const N = 200;

/** Connections of so many sources, 5 ms each, one every 10 ms. */
function summaryOf(sources: number, affinityS: number | "always", targetOf: (id: number, source: number) => number) {
  const oracle = { strategy: "stateful", flush: true, assign: null, affinityS } satisfies OracleSpec;
  const events: Event[] = [
    { kind: "deployed", t: 0, backend: "test", active: targets, effectiveOptions: {}, oracle },
    streamStart({ connections: N, sources }),
    streamEnd(4),
    { kind: "counters", t: 5 * S, machine: "vm-221", moment: "after", values: {} },
  ];
  const connections = Array.from({ length: N }, (_, id) =>
    connectionOf({
      id,
      srcOffset: 1 + (id % sources),
      target: targets[targetOf(id, id % sources)] ?? null,
      startUs: id * 10_000,
      endUs: id * 10_000 + 5_000,
    }),
  );
  return analyse(runInfo("test", "connect", targets, []), { events, connections }).summary;
}

test("one source on one target is no uneven spread where the strategy keeps it there, and no lack of connections", (t) => {
  const { spread, sources, reasons } = summaryOf(1, "always", () => 2);
  t.deepEqual(spread.perTarget, { "vm-001": 0, "vm-002": 0, "vm-003": N, "vm-004": 0 });
  t.is(spread.chi2P, null);
  t.deepEqual(sources, { bound: 1, families: [4], targets: ["vm-003"], returns: N - 1, moved: 0 });
  t.notRegex(reasons.join(" "), /Too few connections|does not fit the expected shares/);
});

test("a strategy that keeps no source spreads the connections of one source", (t) => {
  const bad = summaryOf(1, 0, () => 2);
  t.is(bad.sources, undefined);
  t.regex(bad.reasons.join(" "), /does not fit the expected shares/);
  t.true((summaryOf(1, 0, (id) => id % 4).spread.chi2P ?? 0) > 0.9);
});

test("chance is judged by sources: many of them on one target are a fault", (t) => {
  t.true((summaryOf(40, "always", (_, source) => source % 4).spread.chi2P ?? 0) > 0.9);
  t.true((summaryOf(40, "always", () => 0).spread.chi2P ?? 1) < 1e-6);
});

test("a source whose connections go elsewhere while it should stay is a fault", (t) => {
  const { sources, reasons } = summaryOf(2, 60, (id, source) => (id === 50 ? 3 : source));
  t.deepEqual([sources?.returns, sources?.moved], [N - 2, 2], "there and back");
  t.regex(reasons.join(" "), /2 of 198 connections were answered by another target than the one before/);
  t.is(summaryOf(2, 0.001, (id, source) => (id === 50 ? 3 : source)).sources?.moved, 0, "its affinity has expired");
});
