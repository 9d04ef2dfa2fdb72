// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { writeSyntheticRun } from "../bench/synthetic.ts";
import { judgeGate } from "../gate/gate.ts";
import { groupRuns } from "../gate/groups.ts";
import { parseThresholds } from "../gate/thresholds.ts";
import { finishedRuns } from "../set/manifest.ts";
import { mutate } from "../testing/mutate.ts";
import { mulberry32 } from "../util/random.ts";
import { loadRuns } from "./load.ts";

const FILES = ["run.json", "events.ndjson", "connections.bin"] as const;
type RecordFile = (typeof FILES)[number];
type Contents = { [name in RecordFile]: Buffer };

function scratch(t: ExecutionContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-load-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  return dir;
}

function syntheticRun(dir: string): Contents {
  mkdirSync(dir);
  writeSyntheticRun(dir, 100);
  return contents(dir);
}

const contents = (dir: string): Contents => {
  const read = (name: RecordFile) => readFileSync(path.join(dir, name));
  return {
    "run.json": read("run.json"),
    "events.ndjson": read("events.ndjson"),
    "connections.bin": read("connections.bin"),
  };
};

function put(dir: string, files: Contents): void {
  for (const name of FILES) writeFileSync(path.join(dir, name), files[name]);
}

/** The same record as schema 1 had it: other names, and no end line. */
function asSchema1({ "run.json": run, "events.ndjson": events, "connections.bin": bin }: Contents): Contents {
  const renamed = events
    .toString()
    .replaceAll('"effectiveOptions"', '"facts"')
    .replaceAll('"requestedT"', '"askedT"')
    .replaceAll('"effectiveT"', '"inForceT"')
    .replace(/\{"kind":"end".*\n/, "");
  return {
    "run.json": Buffer.from(run.toString().replace('"schema": 2', '"schema": 1')),
    "events.ndjson": Buffer.from(renamed),
    "connections.bin": bin,
  };
}

const edit = (files: Contents, name: RecordFile, change: (text: string) => string): Contents => ({
  ...files,
  [name]: Buffer.from(change(files[name].toString())),
});

test("a record is judged from its files, and one of schema 1 the same", (t) => {
  const base = scratch(t);
  const [now, before] = [path.join(base, "now"), path.join(base, "before")];
  const files = syntheticRun(now);
  mkdirSync(before);
  put(before, asSchema1(files));
  const { runs, damaged } = loadRuns([now, before]);
  t.deepEqual(damaged, []);
  t.is(runs[0]?.summary.verdict, "pass");
  t.deepEqual(runs[0]?.summary, runs[1]?.summary);
});

const damages: [what: string, change: (files: Contents) => Contents, sentence: RegExp][] = [
  [
    "a newer version",
    (files) => edit(files, "run.json", (text) => text.replace('"schema": 2', '"schema": 9')),
    /run\.json:2: it was written by a newer version \(schema 9; this one reads 1 to 2\)\.$/,
  ],
  [
    "a field of another type",
    (files) => edit(files, "run.json", (text) => text.replace('"cpus": 2', '"cpus": "two"')),
    /run\.json:\d+: 'host\.cpus': expected number, received string\.$/,
  ],
  [
    "no JSON",
    (files) => edit(files, "run.json", (text) => text.slice(0, 90)),
    /run\.json:\d: it is not JSON \(.*\)\.$/,
  ],
  [
    "another seed than was run",
    (files) => edit(files, "run.json", (text) => text.replace(/"seed": 1\b/, '"seed": 2')),
    /run\.json:1: it was changed after the run\.$/,
  ],
  [
    "a line that is no event",
    (files) => edit(files, "events.ndjson", (text) => text.replace(/\n/, "\n{}\n")),
    /events\.ndjson:2: 'kind': /,
  ],
  [
    "a line less",
    (files) => edit(files, "events.ndjson", (text) => text.replace(/\n.*\n/, "\n")),
    /events\.ndjson:\d+: \d+ events were written before it\.$/,
  ],
  [
    "another number in an event",
    (files) => edit(files, "events.ndjson", (text) => text.replace('"lateSends":0', '"lateSends":9')),
    /events\.ndjson:\d+: it was changed after the run: its CRC-32 differs\.$/,
  ],
  [
    "a row less",
    (files) => ({ ...files, "connections.bin": files["connections.bin"].subarray(48) }),
    /connections\.bin: \d+ bytes were written, and \d+ are there\.$/,
  ],
  [
    "a byte of a row changed",
    (files) => ({ ...files, "connections.bin": Buffer.from(files["connections.bin"]).fill(7, 20, 21) }),
    /connections\.bin: it was changed after the run: its CRC-32 differs\.$/,
  ],
];
for (const [what, change, sentence] of damages)
  test(`a record with ${what} is one sentence, and hides no other run`, (t) => {
    const base = scratch(t);
    const [good, bad] = [path.join(base, "good"), path.join(base, "bad")];
    const files = syntheticRun(good);
    mkdirSync(bad);
    put(bad, change(files));
    const { runs, damaged } = loadRuns([bad, good]);
    t.is(runs.length, 1);
    t.is(damaged.length, 1);
    t.regex(damaged[0] ?? "", sentence);
  });

test("a record that is cut at any line is insufficient data, whatever it shows", (t) => {
  const dir = path.join(scratch(t), "run");
  const files = syntheticRun(dir);
  const lines = files["events.ndjson"].toString().split("\n");
  for (const left of [6, 7, 40, lines.length - 8, lines.length - 3, lines.length - 2]) {
    put(
      dir,
      edit(files, "events.ndjson", () =>
        lines
          .slice(0, left)
          .map((line) => `${line}\n`)
          .join(""),
      ),
    );
    const { runs } = loadRuns([dir]);
    t.is(runs[0]?.summary.verdict, "insufficient", `${left} lines`);
    t.regex(runs[0]?.summary.reasons[0] ?? "", new RegExp(`events\\.ndjson:${left}: the record ends without`));
  }
});

function mutateOne(files: Contents, random: () => number): Contents {
  const name = FILES[Math.floor(random() * FILES.length)] ?? "run.json";
  return { ...files, [name]: mutate(files[name], random) };
}

const kinds: [name: string, of: (files: Contents) => Contents, exact: boolean][] = [
  ["today's", (files) => files, true],
  ["schema 1's", asSchema1, false],
];
for (const [name, of, exact] of kinds)
  test(`a thousand damages of ${name} record: each is found in a sentence of ours, or changes nothing that could be known`, (t) => {
    const dir = path.join(scratch(t), "run");
    const files = of(syntheticRun(dir));
    put(dir, files);
    const right = loadRuns([dir]).runs[0];
    const random = mulberry32(exact ? 1 : 2);
    const limits = parseThresholds("{}", "");
    let found = 0;
    for (let i = 0; i < 1000; i++) {
      const mutant = mutateOne(files, random);
      put(dir, mutant);
      const { runs, damaged } = loadRuns([dir]);
      for (const text of damaged) t.regex(text, /^Damaged: [^\n]+\.$/);
      found += damaged.length;
      const findings = judgeGate(groupRuns(runs), limits, null, null);
      const passed = !findings.some(({ state }) => state !== "held" && state !== "info");
      if (damaged.length > 0) t.false(passed);
      const [run] = runs;
      if (exact && run && !run.cut) t.deepEqual(run.summary, right?.summary, `mutant ${i}`);
      if (run?.cut) t.false(passed);
    }
    t.true(found > 300, `${found} were found`);
  });

test("a thousand damages of a summary: merge reads each as a result, or says that it is damaged", (t) => {
  const dir = scratch(t);
  const run = path.join(dir, "run");
  syntheticRun(run);
  const summary = loadRuns([run]).runs[0]?.summary;
  const text = Buffer.from(JSON.stringify(summary, null, 2));
  const random = mulberry32(3);
  for (let i = 0; i < 1000; i++) {
    writeFileSync(path.join(run, "summary.json"), mutate(text, random));
    const { found, damaged } = finishedRuns(dir);
    t.is(found.length + damaged.length, 1);
    for (const { message } of damaged) t.regex(message, /^Damaged: [^\n]+summary\.json[^\n]*\.$/);
    for (const one of found) t.true(["pass", "fail", "skip", "insufficient", "error"].includes(one.summary.verdict));
  }
});

test("a verdict that is no verdict, a bare string and a summary of one field are no results", (t) => {
  const dir = scratch(t);
  const run = path.join(dir, "run");
  syntheticRun(run);
  const summary = loadRuns([run]).runs[0]?.summary;
  for (const content of ['"pass"', '{"verdict":"pass"}', JSON.stringify({ ...summary, verdict: "failed" })]) {
    writeFileSync(path.join(run, "summary.json"), content);
    t.is(finishedRuns(dir).damaged.length, 1, content);
  }
});
