// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { ctrfReport } from "./ctrf.ts";
import { erroredRun, failedRun, scaleRun } from "./fixture.ts";

test("the report has the fields the format requires", (t) => {
  const { reportFormat, specVersion, results } = ctrfReport(scaleRun());
  t.is(reportFormat, "CTRF");
  t.regex(specVersion, /^\d+\.\d+\.\d+$/);
  t.is(results.tool.name, "load-balancer");
  t.like(results.summary, { tests: 1, passed: 1, failed: 0, skipped: 0, pending: 0, other: 0 });
  t.is(results.summary.start, Date.parse("2026-01-02T03:04:05Z"));
  t.is(results.summary.stop - results.summary.start, 20_847);
  t.like(results.tests[0], { name: "nfqueue_scale", status: "passed", rawStatus: "pass", duration: 20_847 });
});

test("only a pass is passed", (t) => {
  const statuses = [
    ["pass", "passed"],
    ["unjudged", "other"],
    ["fail", "failed"],
    ["skip", "skipped"],
    ["insufficient", "failed"],
    ["error", "failed"],
  ] as const;
  for (const [verdict, status] of statuses) {
    const data = scaleRun();
    const { results } = ctrfReport({ ...data, summary: { ...data.summary, verdict } });
    t.is(results.tests[0]?.status, status);
    t.is(results.tests[0]?.rawStatus, verdict);
    t.is(results.summary[status], 1);
  }
});

test("the message holds the reasons and the headline", (t) => {
  const message = ctrfReport(failedRun()).results.tests[0]?.message ?? "";
  t.is(message.split("\n").length, 3);
  t.true(message.includes("17 connections were lost outside the events."));
});

test("an unknown git revision is left out", (t) => {
  t.false("commit" in ctrfReport(erroredRun()).results.environment);
});
