// SPDX-License-Identifier: Apache-2.0
// A run whose losses no oracle predicts has one verdict everywhere: its own.
import test from "ava";
import { analyse } from "../analysis/analyse.ts";
import { renderJunit } from "../report/junit.ts";
import { renderMarkdown } from "../report/markdown.ts";
import { renderTerminal } from "../report/terminal.ts";
import { countStates, entryOf } from "../set/set.ts";
import { EXIT, exitCodeOf } from "../util/exit-codes.ts";
import { judgeGate } from "./gate.ts";
import { groupRuns } from "./groups.ts";
import { type Fault, simulate } from "./simulate.ts";
import { thresholds } from "./thresholds.ts";

function runWithoutOracle(fault: Fault) {
  const { run, record } = simulate({ seed: 1, connections: 1000, oracle: "none", fault });
  return { run, ...analyse(run, record) };
}
const bad = runWithoutOracle({ kind: "modulo" });
const gate = (data: typeof bad, given: object = {}) =>
  judgeGate(groupRuns([data]), thresholds.parse(given), null, null);

test("losses that nobody judged are a verdict of their own: exit code 0, skipped in JUnit, with the numbers", (t) => {
  const { summary } = bad;
  t.is(summary.verdict, "unjudged");
  t.false(summary.lossesJudged);
  t.regex(
    summary.reasons[0] ?? "",
    /^UNJUDGED losses: no oracle predicts them\. \d{3} of 1,000 connections were lost at the event, ideal 200\. 'gate' judges them against the ideal\.$/,
  );
  t.is(exitCodeOf([summary.verdict]), EXIT.passed);
  t.regex(renderJunit(bad), /<skipped message="UNJUDGED losses: no oracle/);
  t.regex(renderTerminal(bad, { color: false, columns: 100 }), /^\nUNJUDGED losses /);
  t.regex(renderMarkdown(bad), /^# UNJUDGED losses: /);
  const entry = entryOf([{ run: bad.run, summary, dir: "run" }]);
  t.deepEqual(countStates([entry]), [{ state: "unjudged", n: 1 }]);
});

test("the gate names unjudged losses and judges them against the ideal", (t) => {
  const findings = gate(bad);
  const named = findings.find(({ check }) => check === "unjudged");
  t.is(named?.state, "info");
  t.regex(named?.text ?? "", /no oracle predicts them\. They are judged against the ideal/);
  const loss = findings.find(({ check }) => check === "loss_excess");
  t.is(loss?.state, "failed");
  t.regex(loss?.text ?? "", /200 ideal \(no oracle\)/);
  t.is(
    gate(runWithoutOracle({ kind: "none" }), { lossExcessPercent: 5 }).find((f) => f.check === "loss_excess")?.state,
    "held",
  );
});

test("the gate leaves them alone when its thresholds say so, and says that", (t) => {
  const findings = gate(bad, { unjudgedLosses: "ignore" });
  t.false(findings.some(({ check, state }) => check === "loss_excess" || state === "failed"));
  t.regex(findings.find(({ check }) => check === "unjudged")?.text ?? "", /They are not judged/);
});

test("a failure is a failure, oracle or not", (t) => {
  t.is(runWithoutOracle({ kind: "resets", share: 0.05 }).summary.verdict, "fail");
});
