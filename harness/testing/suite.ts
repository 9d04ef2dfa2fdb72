// SPDX-License-Identifier: Apache-2.0
// `npm test`: builds, then runs AVA with the checks that need no lab beside it. With names of rings (`npm run test:ring docker vm`) it
// runs those alone. A test that failed runs once more when nothing runs beside it, and has failed if it fails again. Prints how long
// each phase took, what was skipped and why, what passed only alone, and at last the counts, alone on a line.
// Exit code 1: something failed, or was skipped that this machine must not skip.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { launchProgram } from "../host/program.ts";
import { describeAlone, failedTests, passedAgain, wordsOf } from "./again.ts";
import { countsOf, describeSkips, failuresIn, type Phase, skipsIn } from "./outcome.ts";
import { patternsOf, RINGS, type Ring, testFiles } from "./rings.ts";
import { judgeSkips, parseSkips, SKIPS_VARIABLE } from "./skips.ts";

const HOUR_MS = 3_600_000;
/** What need not share a core equally with labs: they are judged by the clock. */
const IN_BACKGROUND = ["nice", "-n", "19"];

const asked = process.argv.slice(2);
const unknown = asked.filter((word) => !(RINGS as readonly string[]).includes(word));
if (unknown.length > 0) {
  process.stderr.write(`There is no ring '${unknown[0]}'. Rings: ${[...RINGS].sort().join(", ")}.\n`);
  process.exit(2);
}
const rings = asked as Ring[];
const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-suite-"));
const collected = path.join(dir, "skips");
writeFileSync(collected, "");
const phases: Phase[] = [];

async function run(script: string, argv: readonly string[], shown: boolean): Promise<Phase> {
  const phase = await launch(script, argv, shown);
  phases.push(phase);
  return phase;
}

async function launch(script: string, argv: readonly string[], shown: boolean): Promise<Phase> {
  const began = performance.now();
  const env = { [SKIPS_VARIABLE]: collected };
  const running = launchProgram(argv, { check: false, timeoutMs: HOUR_MS, showStderr: shown, env });
  if (shown) running.stdout.pipe(process.stdout, { end: false });
  const { code, stdout, stderr } = await running.ended;
  const phase = { script, passed: code === 0, seconds: (performance.now() - began) / 1000, output: stdout + stderr };
  if (!shown && !phase.passed) process.stdout.write(`\n${phase.output}\n`);
  process.stdout.write(`\n${script}: ${phase.passed ? "passed" : "FAILED"} in ${phase.seconds.toFixed(1)} s\n`);
  return phase;
}

const npm = (script: string, ...words: string[]) => ["npm", "run", "--silent", script, "--", ...words];

async function checksBeside(scripts: readonly string[]): Promise<void> {
  for (const script of scripts) await run(`npm run ${script}`, [...IN_BACKGROUND, ...npm(script)], false);
}

/** What failed beside others, once more. */
async function runAlone(tests: Phase): Promise<void> {
  const failed = failedTests(tests, testFiles());
  if (failed.length === 0) return;
  const again = await launch("npm run test:ts, alone", npm("test:ts", ...wordsOf(failed)), true);
  tests.passedAlone = passedAgain(failed, again);
}

const beside = () => {
  if (rings.length === 0) return ["typecheck", "lint", "test:c", "test:fuzz"];
  return rings.includes("pure") ? ["typecheck", "lint"] : [];
};

try {
  if ((await run("npm run build", npm("build"), false)).passed) {
    const patterns = rings.length === 0 ? [] : patternsOf(rings);
    const [tests] = await Promise.all([
      run("npm run test:ts", npm("test:ts", ...patterns), true),
      checksBeside(beside()),
    ]);
    await runAlone(tests);
  }
  report();
} finally {
  rmSync(dir, { recursive: true, force: true });
}

function report(): void {
  const skips = [...parseSkips(readFileSync(collected, "utf8")), ...phases.flatMap(skipsIn)];
  const { unexpected } = judgeSkips(skips);
  const counts = countsOf(phases, skips);
  const alone = phases.flatMap(({ passedAlone = [] }) => passedAlone);
  const failed = counts.failed + unexpected.length;
  const times = phases.map(
    (phase) =>
      `  ${phase.seconds.toFixed(1).padStart(6)} s  ${phase.script}${failuresIn(phase) === 0 ? "" : ": FAILED"}`,
  );
  process.stdout.write(`\nPhases:\n${times.join("\n")}\n`);
  if (alone.length > 0) process.stdout.write(describeAlone(alone));
  if (skips.length > 0) process.stdout.write(`\nSkipped:\n${describeSkips(skips)}`);
  if (unexpected.length > 0)
    process.stdout.write(`\nThis machine has what these tests need, so they must run:\n${describeSkips(unexpected)}`);
  process.stdout.write(`\n${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped\n`);
  process.exitCode = failed > 0 ? 1 : 0;
}
