// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { ctrfSet } from "../report/ctrf.ts";
import { erroredRun, failedRun, hostileRun, scaleRun } from "../report/fixture.ts";
import { junitSet } from "../report/junit.ts";
import type { ReportData } from "../report/reporter.ts";
import { UsageError } from "../util/errors.ts";
import { exitCodeOf } from "../util/exit-codes.ts";
import { finishedRuns, type Manifest, mergeSets, runKey, writeManifest } from "./manifest.ts";
import { setPage } from "./page.ts";
import { setReporters, writeSet } from "./reporters.ts";
import { type Attempt, entryOf, type RunSet, totals, verdictsOf } from "./set.ts";
import { inShard, readShard } from "./shard.ts";
import { githubAnnotations, setMarkdown } from "./text.ts";

const attempt = ({ run, summary }: ReportData, n = 1): Attempt => ({
  run: { ...run, attempt: n },
  summary,
  dir: `run-${n}`,
});
const set = (...entries: RunSet["entries"]): RunSet => ({
  entries,
  missing: [],
  commandLine: ["./load-balancer.ts", "test"],
});
const passed = entryOf([attempt(scaleRun())]);
const failed = entryOf([attempt(failedRun())]);
const flaky = entryOf([attempt(failedRun()), attempt(scaleRun(), 2)]);
const errored = entryOf([attempt(erroredRun())]);

function scratch(t: ExecutionContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-set-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  return dir;
}

function shardDir(base: string, index: number, seeds: number[], over: Partial<Manifest> = {}): string {
  const dir = path.join(base, `shard-${index}`);
  mkdirSync(dir);
  const made: Manifest = {
    schema: 1,
    gitRevision: "abc",
    shard: { index, count: 2 },
    parameters: { targets: 10 },
    planned: [...seeds, ...(over.planned ?? []).map(({ seed }) => seed)].map((seed) => ({
      case: "nfqueue_scale",
      seed,
    })),
    commandLine: ["test"],
    ...over,
  };
  writeManifest(dir, made);
  for (const seed of seeds) putRun(dir, seed, scaleRun());
  return dir;
}

function putRun(dir: string, seed: number, { run, summary }: ReportData, n = 1): void {
  const to = path.join(dir, `2026-${seed}-${n}`);
  mkdirSync(to);
  writeFileSync(path.join(to, "run.json"), JSON.stringify({ ...run, seed, attempt: n }));
  writeFileSync(path.join(to, "summary.json"), JSON.stringify({ ...summary, seed }));
}

test("a run that failed and then passed is flaky: its own state, told by every reporter", async (t) => {
  t.is(flaky.state, "flaky");
  t.is(exitCodeOf(verdictsOf(set(flaky))), 0);
  t.is(exitCodeOf(verdictsOf(set(flaky, failed))), 1);
  t.regex(setMarkdown(set(flaky), 1e6), /1 flaky[\s\S]*FLAKY.*Passed at attempt 2; the first: At 5 s/);
  t.regex(githubAnnotations(set(flaky)), /^::warning title=FLAKY nfqueue_scale%2C seed 1::Passed at attempt 2/);
  t.regex(junitSet(set(flaky)), /<flakyFailure message="At 5 s[^>]+type="fail">/);
  const [one] = ctrfSet(set(flaky)).results.tests;
  t.like(one, { status: "passed", flaky: true, retries: 1 });
  t.regex(await setPage(set(flaky)), /badge flaky">FLAKY/);
  t.is(entryOf([attempt(failedRun()), attempt(failedRun(), 2)]).state, "fail");
});

test("JUnit's and CTRF's sums are those of their tests", (t) => {
  const all = { ...set(passed, failed, errored), missing: ["Shard 2 of 2 is missing."] };
  t.regex(junitSet(all), /<testsuites tests="4" failures="1" errors="2" skipped="0" time="[\d.]+">/);
  t.is(junitSet(all).match(/<testsuite /g)?.length, 4);
  t.like(ctrfSet(all).results.summary, { tests: 4, passed: 1, failed: 3 });
});

test("annotations of one line each, and no text of a run begins another", (t) => {
  const evil = { ...failedRun() };
  const text = githubAnnotations(
    set(
      entryOf([
        attempt({ ...evil, summary: { ...evil.summary, case: "a,b:c\n::error::x", reasons: ["50 %\n::warning::y"] } }),
      ]),
    ),
  );
  t.is(text.trim().split("\n").length, 1);
  t.regex(text, /title=FAIL a%2Cb%3Ac%0A%3A%3Aerror%3A%3Ax%2C seed 1::50 %25%0A::warning::y/);
});

test("a Markdown summary stays below its limit, failures first, and says how many it left out", (t) => {
  const many = set(...Array.from({ length: 500 }, () => passed), failed);
  const text = setMarkdown(many, 5000);
  t.true(Buffer.byteLength(text) <= 5000);
  t.true(text.indexOf("FAIL") < text.indexOf("PASS"));
  t.regex(text, /And 4\d\d runs more, for which this summary has no room/);
  t.notRegex(setMarkdown(set(passed), 5000), /no room/);
});

test("the page of a set escapes what comes from runs, and links each run's report", async (t) => {
  const page = await setPage(set(passed, entryOf([attempt(hostileRun())])));
  t.false(page.includes("<img"));
  t.regex(page, /<a href="run-1\/report\.html">nfqueue_scale<\/a>/);
  t.regex(page, /<select data-filter="0">/);
});

test("one broken reporter does not keep the others from writing", async (t) => {
  const dir = scratch(t);
  mkdirSync(path.join(dir, "junit.xml"));
  const failures = await writeSet(set(passed), dir, ["junit", "ctrf", "markdown", "json", "html"]);
  t.is(failures.length, 1);
  t.regex(failures[0] ?? "", /Cannot write the junit report/);
  for (const file of ["ctrf.json", "summary.md", "runs.json", "index.html"])
    t.true(readFileSync(path.join(dir, file)).length > 100, file);
  t.deepEqual(Object.keys(setReporters), ["terminal", "json", "markdown", "junit", "ctrf", "html", "github"]);
});

test("shards are disjoint and together all", (t) => {
  const items = [1, 2, 3, 4, 5, 6, 7];
  const shards = [1, 2, 3].map((index) => inShard(items, { index, count: 3 }));
  t.deepEqual(
    shards.flat().sort((a, b) => a - b),
    items,
  );
  t.deepEqual(inShard(items, null), items);
  for (const wrong of ["0/3", "4/3", "1", "a/b", "1/0"]) t.is(readShard(wrong), null);
  t.deepEqual(readShard("2/3"), { index: 2, count: 3 });
});

test("shards are merged; one that is missing, or was killed, is named and is no pass", (t) => {
  const dir = scratch(t);
  const first = shardDir(dir, 1, [1, 3]);
  const whole = mergeSets([first, shardDir(dir, 2, [2])], dir);
  t.deepEqual([whole.entries.length, whole.missing], [3, []]);
  t.is(exitCodeOf(verdictsOf(whole)), 0);
  t.is(whole.entries[0]?.attempts[0].dir, "shard-1/2026-1-1");
  const half = mergeSets([first], dir);
  t.deepEqual(half.missing, ["Shard 2 of 2 is missing: its runs are not in this report."]);
  t.is(exitCodeOf(verdictsOf(half)), 4);
  rmSync(path.join(first, "2026-3-1", "summary.json"));
  t.deepEqual(mergeSets([first, path.join(dir, "shard-2")], dir).missing, [
    "nfqueue_scale with seed 3 was planned in shard 1 and has no result.",
  ]);
});

test("retries are merged into one entry, and only those of the last invocation", (t) => {
  const dir = scratch(t);
  const shard = shardDir(dir, 1, [], { shard: null, planned: [{ case: "nfqueue_scale", seed: 7 }] });
  putRun(shard, 7, failedRun(), 1);
  putRun(shard, 7, scaleRun(), 2);
  const merged = mergeSets([shard], dir);
  t.deepEqual([merged.entries.length, merged.entries[0]?.state], [1, "flaky"]);
});

const refused: [what: string, over: Partial<Manifest>, message: RegExp][] = [
  ["of another version", { gitRevision: "def" }, /do not belong together: gitRevision is "def" and "abc"/],
  ["with other parameters", { parameters: { targets: 11 } }, /parameters is \{"targets":11\}/],
  ["of another split", { shard: { index: 2, count: 3 } }, /another number of shards/],
  ["that are the same", { shard: { index: 1, count: 2 } }, /are the same shard/],
];
for (const [what, over, message] of refused)
  test(`shards ${what} are refused`, (t) => {
    const dir = scratch(t);
    const dirs = [shardDir(dir, 1, [1]), shardDir(dir, 2, [2], over)];
    t.throws(() => mergeSets(dirs, dir), { instanceOf: UsageError, message });
  });

test("a run is the same by case, seed, version and options, whatever its folder and time", (t) => {
  const { run } = scaleRun();
  const later = { ...run, id: "other", startedAt: "later", commandLine: [] };
  t.is(runKey(later), runKey(run));
  for (const other of [{ seed: 2 }, { gitRevision: "x" }, { options: { targets: 9 } }, { runtime: "docker" }])
    t.not(runKey({ ...run, ...other }), runKey(run));
  const dir = scratch(t);
  t.throws(() => mergeSets([dir], dir), { message: /no set.json/ });
  t.deepEqual(finishedRuns(path.join(dir, "nowhere")), { found: [], damaged: [] });
});

test("the last line counts the runs and names those that did not pass", (t) => {
  t.is(totals(set(passed)), "1 run: 1 pass");
  t.is(totals(set(failed, passed, passed)), "3 runs: 2 pass, 1 fail: nfqueue_scale");
  t.is(totals({ ...set(passed), missing: ["Gone."] }), "1 run: 1 pass, 1 missing");
});

test("the merged set's command is that of all shards", (t) => {
  const base = scratch(t);
  const command = (i: number) => [
    "./load-balancer.ts",
    "test",
    "all",
    "--shard",
    `${i}/2`,
    "--out=x",
    "--retries",
    "1",
  ];
  const dirs = [1, 2].map((i) => shardDir(base, i, [i], { commandLine: command(i) }));
  t.deepEqual(mergeSets(dirs, base).commandLine, ["./load-balancer.ts", "test", "all", "--retries", "1"]);
});
