// SPDX-License-Identifier: Apache-2.0
// Connections that the balancer had forgotten, before the gate and in a comparison.
import test from "ava";
import { analyse } from "../analysis/analyse.ts";
import type { ForgottenSummary } from "../record/schema.ts";
import { costTable } from "../report/comparison/tables.ts";
import { NONE } from "../util/numbers.ts";
import { judgeGate } from "./gate.ts";
import { groupRuns } from "./groups.ts";
import { simulate } from "./simulate.ts";
import { thresholds } from "./thresholds.ts";

function dataOf(forgotten?: Partial<ForgottenSummary>) {
  const { run, record } = simulate({ seed: 1, connections: 1000, oracle: "exact", fault: { kind: "none" } });
  const { summary, series } = analyse(run, record);
  const whole = { why: [], lost: 0, predicted: 10, interval: null, mispredicted: 0, ...forgotten };
  return { run, summary: forgotten ? { ...summary, forgotten: whole } : summary, series };
}

const stateOf = (forgotten: Partial<ForgottenSummary>, given: object = {}) =>
  judgeGate(groupRuns([dataOf(forgotten)]), thresholds.parse(given), null, null).find(
    ({ check }) => check === "lost_forgotten",
  )?.state;

test("what the memory explains holds, one more fails, and a threshold allows it", (t) => {
  t.is(stateOf({ lost: 10 }), "held");
  t.is(stateOf({ lost: 11 }), "failed");
  t.is(stateOf({ lost: 11, interval: [0, 12] }), "held");
  t.is(stateOf({ lost: 11 }, { lostForgotten: 1 }), "held");
});

test("a comparison has a column for them where there are any", (t) => {
  const table = (runs: ReturnType<typeof dataOf>[]) =>
    costTable({
      scenario: "scale",
      entries: runs.map((one, i) => ({ label: `${i}`, backend: `${i}`, value: null, runs: [one] })),
      sweep: null,
      commandLine: [],
    });
  t.false(table([dataOf()]).head.includes("Forgotten"));
  const { head, rows } = table([dataOf({ lost: 11 }), dataOf()]);
  const column = head.indexOf("Forgotten");
  t.deepEqual(
    rows.map((row) => row[column]),
    ["11", NONE],
  );
  t.deepEqual(
    rows.map((row) => row.length),
    [head.length, head.length],
  );
});
