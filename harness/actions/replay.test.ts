// SPDX-License-Identifier: Apache-2.0
// Records that cannot be run again: a sentence, exit code 2 or 3, and nothing is left. What can is replayed by scenarios/cases.vm.test.ts.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { loadRuns } from "../analysis/load.ts";
import { writeSyntheticRun } from "../bench/synthetic.ts";
import { RecordWriter } from "../record/record.ts";
import type { RunInfo } from "../record/schema.ts";
import { runInfo } from "../report/fixture-base.ts";
import { runMain } from "../testing/machine.ts";

const ASKED: NonNullable<RunInfo["asked"]> = { options: { targets: 10 }, set: [], runtime: {} };

function scratch(t: ExecutionContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-replay-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  return dir;
}

/** A record of one error, whose run.json says these things. */
function recordOf(t: ExecutionContext, more: Partial<RunInfo>, reasons?: string[]): string {
  const dir = path.join(scratch(t), "run");
  mkdirSync(dir);
  const writer = new RecordWriter(dir);
  const run = { ...runInfo("nfqueue_scale", "scale", ["vm-001"], ["test"]), ...more };
  writer.file("run.json", JSON.stringify(run));
  if (reasons) writer.add({ kind: "skip", t: 1, reasons });
  else writer.add({ kind: "error", t: 1, text: "It broke." });
  writer.close();
  writeFileSync(path.join(dir, "summary.json"), JSON.stringify(loadRuns([dir]).runs[0]?.summary));
  return dir;
}

const refused: [what: string, make: (t: ExecutionContext) => string, code: number, sentence: RegExp][] = [
  ["a folder that is none of a run", scratch, 2, /^There is no run in '\S+'\.\n$/],
  [
    "a record that was changed",
    (t) => {
      const dir = recordOf(t, { asked: ASKED });
      const file = path.join(dir, "events.ndjson");
      writeFileSync(file, readFileSync(file, "utf8").replace("It broke", "It brake"));
      return dir;
    },
    4,
    /^Damaged: \S+events\.ndjson:2: it was changed after the run: its CRC-32 differs\.\n$/,
  ],
  [
    "a record that was cut",
    (t) => {
      const dir = recordOf(t, { asked: ASKED });
      const file = path.join(dir, "events.ndjson");
      writeFileSync(file, `${readFileSync(file, "utf8").split("\n")[0]}\n`);
      return dir;
    },
    4,
    /^Damaged: .*: the record ends without its last line, 'end': no other run can be compared with it\.\n$/,
  ],
  [
    "a record of an older version",
    (t) => {
      const dir = path.join(scratch(t), "run");
      mkdirSync(dir);
      writeSyntheticRun(dir, 10);
      return dir;
    },
    2,
    /^'\S+' was recorded by a version without 'replay': run\.json has no 'asked'\.\n$/,
  ],
  [
    "a case that was skipped",
    (t) => recordOf(t, { asked: ASKED }, ["No."]),
    2,
    /was skipped: No\. There is nothing to replay\.\n$/,
  ],
  [
    "a backend from elsewhere",
    (t) => recordOf(t, { asked: ASKED, case: "mine_scale", backend: "mine" }),
    2,
    /^There is no case 'mine_scale'\./,
  ],
  [
    "options that are none",
    (t) => recordOf(t, { asked: { ...ASKED, options: { targets: -1 } } }),
    2,
    /^Cannot replay '\S+': Invalid value '-1' for --targets/,
  ],
  ["a trace of no connection", (t) => recordOf(t, { asked: ASKED }), 2, /^'seventeen' is no connection\. Try a number/],
  ["a debugger for what does not wait", (t) => recordOf(t, { asked: ASKED }), 2, /^--gdb needs a run in virtual time/],
];
for (const [what, make, code, sentence] of refused)
  test(`replay of ${what} is exit code ${code} and a sentence, and leaves nothing`, async (t) => {
    const [dir, out] = [make(t), path.join(scratch(t), "out")];
    const more = what.includes("debugger") ? ["--gdb"] : what.includes("trace") ? ["--trace", "seventeen"] : [];
    const { status, stdout, stderr } = await runMain(["replay", dir, "--out", out, ...more]);
    t.is(status, code, stderr);
    t.is(stdout, "");
    t.regex(stderr, sentence);
    t.false(existsSync(out));
  });
