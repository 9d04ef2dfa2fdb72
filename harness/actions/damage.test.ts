// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { loadRuns } from "../analysis/load.ts";
import { writeSyntheticRun } from "../bench/synthetic.ts";
import { Damaged } from "../record/damage.ts";
import { oneRun, runsIn } from "../record/folders.ts";
import { SCHEMA } from "../record/schema.ts";
import { runMain } from "../testing/machine.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT, exitCodeOf } from "../util/exit-codes.ts";
import { judgeRuns } from "./gate.ts";
import { conformanceMatrix } from "./matrix.ts";
import { merge } from "./merge.ts";
import { redraw } from "./report.ts";

/** A set of two runs, the second of which is damaged by whoever asks for it. */
function setOfTwo(t: ExecutionContext): { dir: string; good: string; bad: string } {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-damage-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const [good, bad] = [path.join(dir, "1-good"), path.join(dir, "2-bad")];
  for (const run of [good, bad]) {
    mkdirSync(run);
    writeSyntheticRun(run, 100);
    writeFileSync(path.join(run, "summary.json"), JSON.stringify(loadRuns([run]).runs[0]?.summary, null, 2));
  }
  const planned = [{ case: "nfqueue_scale_in", seed: 1 }];
  const manifest = { schema: SCHEMA, gitRevision: null, shard: null, parameters: {}, planned, commandLine: [] };
  writeFileSync(path.join(dir, "set.json"), JSON.stringify(manifest));
  return { dir, good, bad };
}

function change(file: string, edit: (text: string) => string): void {
  writeFileSync(file, edit(readFileSync(file, "utf8")));
}

/** What an action prints, and its exit code. */
async function printed(action: () => number | Promise<number>): Promise<{ code: number; text: string }> {
  let text = "";
  const restore = [process.stdout, process.stderr].map((stream) => {
    const write = stream.write.bind(stream);
    stream.write = (chunk: string | Uint8Array) => {
      text += chunk.toString();
      return true;
    };
    return () => {
      stream.write = write;
    };
  });
  try {
    return { code: await action(), text };
  } finally {
    for (const undo of restore) undo();
  }
}

const gate = (runs: string[]) =>
  judgeRuns({
    run: runs,
    thresholds: undefined,
    baseline: undefined,
    updateBaseline: false,
    bench: undefined,
    verbose: true,
    json: false,
  });

const damages: [what: string, edit: (bad: string) => void, sentence: RegExp][] = [
  [
    "of a newer version",
    (bad) => {
      for (const name of ["run.json", "summary.json"])
        change(path.join(bad, name), (text) => text.replace(/"schema": 2/, '"schema": 9'));
    },
    /Damaged: \S+2-bad\/(run|summary)\.json:2: it was written by a newer version \(schema 9; this one reads 1 to 2\)\./,
  ],
  [
    "without the end of its files",
    (bad) => {
      for (const name of ["run.json", "summary.json"]) change(path.join(bad, name), (text) => text.slice(0, 200));
    },
    /Damaged: \S+2-bad\/(run|summary)\.json:\d+: it is not JSON \([^\n]*\)\./,
  ],
];

for (const [what, edit, sentence] of damages)
  test.serial(
    `a record ${what} is one sentence to report, merge, gate and matrix, and hides no other run`,
    async (t) => {
      const { dir, good, bad } = setOfTwo(t);
      edit(bad);
      const noCatalog = { backends: [], scenarios: [], runtimes: [] };
      const actions: [string, () => number | Promise<number>][] = [
        ["report", () => redraw([bad, good])],
        ["merge", () => merge({ dir: [dir], out: path.join(dir, "all"), reporter: ["json"] })],
        ["gate", () => gate([dir])],
        ["matrix", () => conformanceMatrix({ results: [dir] }, { catalog: noCatalog })],
      ];
      for (const [name, action] of actions) {
        const { code, text } = await printed(action);
        t.is(code, EXIT.insufficient, `${name}: ${text}`);
        const shown = name === "merge" ? readFileSync(path.join(dir, "all", "runs.json"), "utf8") : text;
        t.regex(shown.replaceAll("\\n", "\n"), sentence, name);
        t.notRegex(text, /\n {4}at /, name);
      }
      t.true(existsSync(path.join(good, "report.html")));
      t.false(existsSync(path.join(bad, "report.html")));
      const { text } = await printed(() => gate([dir]));
      t.regex(text, /held +nfqueue_scale_in loss_excess: /);
    },
  );

test.serial("a report that could not be written makes the exit code 3", async (t) => {
  const { dir, good } = setOfTwo(t);
  mkdirSync(path.join(good, "junit.xml"));
  const report = await printed(() => redraw([good]));
  t.deepEqual([report.code, existsSync(path.join(good, "report.html"))], [EXIT.infrastructure, true]);
  t.regex(report.text, /Cannot write the junit report of '\S+1-good': /);
  mkdirSync(path.join(dir, "all", "runs.json"), { recursive: true });
  const merged = await printed(() => merge({ dir: [dir], out: path.join(dir, "all"), reporter: ["json", "junit"] }));
  t.deepEqual([merged.code, existsSync(path.join(dir, "all", "junit.xml"))], [EXIT.infrastructure, true]);
});

const READERS = [
  ["report"],
  ["explain"],
  ["export"],
  ["replay"],
  ["matrix"],
  ["gate"],
  ["results", "ls"],
  ["results", "open"],
  ["results", "index"],
  ["results", "rm", "--keep", "1"],
];

test.serial("a folder without a run is one sentence and wrong usage, whoever reads runs", async (t) => {
  const { dir, bad } = setOfTwo(t);
  const empty = path.join(dir, "empty");
  mkdirSync(path.join(empty, "below"), { recursive: true });
  for (const words of READERS)
    t.like(
      await runMain([...words, empty]),
      { status: EXIT.usage, stdout: "", stderr: `There is no run in '${empty}'.\n` },
      words.join(" "),
    );
  const file = path.join(dir, "set.json");
  t.throws(() => runsIn(file), { instanceOf: UsageError, message: `There is no folder '${file}'.` });
  const several = { instanceOf: UsageError, message: `'${dir}' holds 2 runs. Name one, such as '${bad}'.` };
  t.throws(() => oneRun(dir), several);
});

test.serial("a run without a part of its record is damaged, and a folder of runs stands for all of them", async (t) => {
  const { dir, good } = setOfTwo(t);
  rmSync(path.join(good, "connections.bin"));
  for (const words of [["report"], ["export"], ["gate", "-v"]]) {
    const { status, stdout, stderr } = await runMain([...words, dir]);
    t.is(status, EXIT.insufficient, words.join(" "));
    t.regex(stdout + stderr, /Damaged: \S+1-good: it has no connections\.bin\./, words.join(" "));
    t.regex(stdout, words[0] === "gate" ? /held +nfqueue_scale_in/ : /2-bad/, words.join(" "));
  }
});

test.serial("a damaged set.json is one sentence, and no pass", async (t) => {
  const { dir } = setOfTwo(t);
  change(path.join(dir, "set.json"), (text) => text.replace('"planned"', '"plan"'));
  await t.throwsAsync(merge({ dir: [dir], out: dir, reporter: ["json"] }), {
    instanceOf: Damaged,
    message: /^Damaged: \S+set\.json:1: 'planned': [^\n]+\.$/,
  });
});

test("a word that is no verdict is never a pass", (t) => {
  t.is(exitCodeOf(["pass", "passed" as "pass"]), EXIT.infrastructure);
  t.is(exitCodeOf(["pass"]), EXIT.passed);
});
