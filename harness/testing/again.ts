// SPDX-License-Identifier: Apache-2.0
// Tests that failed beside others run once more, alone: the suite itself, and whoever shares the machine, makes labs late.
import { stripVTControlCharacters } from "node:util";
import { avaCounts, type Phase, type TestName } from "./outcome.ts";

/** More than so many are no matter of a busy machine. */
const MOST_AGAIN = 20;

/** Of `files` the one whose path ends as AVA's prefix says: "b.lab › " of `a/b.lab.test.ts`, where all are below `a`. */
function testOf(line: string, files: readonly string[]): TestName | null {
  const parts = line.trim().split(" › ");
  for (let n = parts.length - 1; n > 0; n--) {
    const end = `/${parts.slice(0, n).join("/")}.test.ts`;
    const found = files.filter((file) => `/${file}`.endsWith(end));
    if (found.length === 1) return { file: found[0] ?? "", title: parts.slice(n).join(" › ") };
  }
  return null;
}

/** What AVA lists at the end of its output, and how many failures it counts of whatever kind. */
function failuresOf({ output }: Pick<Phase, "output">): { lines: string[]; count: number } {
  const text = stripVTControlCharacters(output);
  const lines = text.slice(text.indexOf("\n  ─\n")).split("\n");
  return { lines: lines.filter((line) => /^ {2}\S/.test(line)), count: avaCounts(text).failed };
}

/**
 * The tests that failed. Empty where something else failed, too (a crash, a test that never ended), or more than a busy machine
 * explains: then nothing is run again. `files`: those of all tests.
 */
export function failedTests(phase: Pick<Phase, "output">, files: readonly string[]): TestName[] {
  const { lines, count } = failuresOf(phase);
  const tests = lines.flatMap((line) => testOf(line, files) ?? []);
  return tests.length === count && count <= MOST_AGAIN ? tests : [];
}

/** Words for AVA: these tests, one at a time. */
export function wordsOf(tests: readonly TestName[]): string[] {
  const files = [...new Set(tests.map(({ file }) => file))];
  return ["--concurrency", "1", ...tests.flatMap(({ title }) => ["--match", title]), ...files];
}

/** Those of `failed` that passed in `again`, their own run: none where it did not run all of them to the end. */
export function passedAgain(failed: readonly TestName[], again: Pick<Phase, "output">): TestName[] {
  const { lines, count } = failuresOf(again);
  const isListed = ({ title }: TestName) => lines.some((line) => line === `  ${title}` || line.endsWith(` › ${title}`));
  const passed = failed.filter((test) => !isListed(test));
  return avaCounts(again.output).passed >= passed.length && count === failed.length - passed.length ? passed : [];
}

export const describeAlone = (tests: readonly TestName[]) =>
  `\nFailed beside others, passed alone:\n${tests.map(({ file, title }) => `  ${file}: ${title}\n`).join("")}`;
