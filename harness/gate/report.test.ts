// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { writeSyntheticRun } from "../bench/synthetic.ts";
import { runMain } from "../testing/machine.ts";
import { EXIT } from "../util/exit-codes.ts";
import type { Finding } from "./finding.ts";
import { gateAnnotations, gateJunit, gateMarkdown, gateText } from "./report.ts";

const findings: Finding[] = [
  { case: "a", check: "loss", state: "held", text: "fine" },
  { case: "b", check: "loss", state: "failed", text: "9 % lost,\n<b>::error" },
  { case: "", check: "record", state: "no_data", text: "damaged" },
  { case: "a", check: "unjudged", state: "info", text: "by the ideal" },
];
const judgement = { findings, runs: 2, code: EXIT.failed };

test("the text names what did not hold; --verbose all; one line counts them", (t) => {
  const lines = gateText(judgement, false).trimEnd().split("\n");
  t.is(lines.at(-1), "NOT PASSED: 2 runs, 1 check held, 1 failed and 1 without data.");
  t.false(gateText(judgement, false).includes("fine"));
  t.true(gateText(judgement, true).includes("held    a loss: fine"));
  const broken: Finding = { case: "c", check: "run", state: "error", text: "the lab broke" };
  t.regex(
    gateText({ findings: [broken], runs: 1, code: EXIT.infrastructure }, false),
    /0 without data and 1 broken\.$/m,
  );
});

test("JUnit has a test for each check, and what has no data is an error", (t) => {
  const xml = gateJunit(judgement);
  t.regex(xml, /<testsuite name="gate" tests="4" failures="1" errors="1" skipped="1"/);
  t.true(xml.includes('<failure message="9 % lost,\n&lt;b&gt;::error" type="failed">'));
  t.true(xml.includes('<testcase name="a loss" classname="gate.a"'));
});

test("annotations are a line each; Markdown is as the texts are", (t) => {
  t.is(
    gateAnnotations(judgement),
    "::error title=Gate%3A b loss::9 %25 lost,%0A<b>::error\n::error title=Gate%3A record::damaged\n::notice title=Gate%3A a unjudged::by the ideal\n",
  );
  t.true(gateMarkdown(judgement).includes("| FAILED | b | loss | 9 % lost, \\<b\\>::error |"));
});

test("the command writes them beside its text, and JSON alone where that was asked for", async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-gate-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const run = path.join(dir, "run");
  mkdirSync(run);
  writeSyntheticRun(run, 200);
  const [junit, markdown] = [path.join(dir, "gate.xml"), path.join(dir, "gate.md")];
  const env = { GITHUB_ACTIONS: "true" };
  const words = ["gate", dir, "--junit", junit, "--markdown", markdown];
  const { status, stdout } = await runMain([...words, "--json"], { env });
  t.is(status, EXIT.passed);
  t.true((JSON.parse(stdout) as { passed: boolean }).passed);
  t.regex(readFileSync(junit, "utf8"), /failures="0" errors="0"/);
  t.regex(readFileSync(markdown, "utf8"), /^## Gate\n\nPASSED: 1 run, /);
  const refused = await runMain(["gate", dir, "--junit", path.join(dir, "none", "gate.xml")], { env });
  t.is(refused.status, EXIT.infrastructure);
  t.regex(refused.stderr, /^Cannot write '\S+gate\.xml': no such file or folder\.\n$/);
});
