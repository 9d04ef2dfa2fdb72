// SPDX-License-Identifier: Apache-2.0
// Tests that failed beside others run once more, alone: the suite itself, and whoever shares the machine, makes labs late.
import { stripVTControlCharacters } from "node:util";
import { avaCounts, type Phase, type TestName } from "./outcome.ts";

/** More than so many are no matter of a busy machine. */
const MOST_AGAIN = 20;

/** As AVA prefixes the titles of a file's tests: those of `a/b.lab.test.ts` begin with "a › b.lab › ". Null: there is no such file. */
function testOf(line: string, exists: (file: string) => boolean): TestName | null {
  const parts = line.trim().split(" › ");
  for (let n = parts.length - 1; n > 0; n--) {
    const file = `${parts.slice(0, n).join("/")}.test.ts`;
    if (exists(file)) return { file, title: parts.slice(n).join(" › ") };
  }
  return null;
}

/**
 * The failed tests that AVA lists at the end of its output. Empty where something else failed, too (a crash, a test that never ended),
 * or more than a busy machine explains: then nothing is run again.
 */
export function failedTests({ output }: Pick<Phase, "output">, exists: (file: string) => boolean): TestName[] {
  const text = stripVTControlCharacters(output);
  const lines = text.slice(text.lastIndexOf("\n  ─\n")).split("\n");
  const tests = lines.flatMap((line) => (/^ {2}\S/.test(line) ? (testOf(line, exists) ?? []) : []));
  return tests.length === avaCounts(text).failed && tests.length <= MOST_AGAIN ? tests : [];
}

/** Words for AVA: these tests, one at a time. */
export function wordsOf(tests: readonly TestName[]): string[] {
  const files = [...new Set(tests.map(({ file }) => file))];
  return ["--concurrency", "1", ...tests.flatMap(({ title }) => ["--match", title]), ...files];
}

/** Those of `failed` that passed in `again`, their own run: none where it did not run all of them to the end. */
export function passedAgain(
  failed: readonly TestName[],
  again: Pick<Phase, "output" | "passed">,
  exists: (file: string) => boolean,
): TestName[] {
  const still = again.passed ? [] : failedTests(again, exists);
  const passed = failed.filter(({ file, title }) => !still.some((one) => one.file === file && one.title === title));
  const counted = avaCounts(again.output);
  return counted.passed >= passed.length && counted.failed === still.length ? passed : [];
}

export const describeAlone = (tests: readonly TestName[]) =>
  `\nFailed beside others, passed alone:\n${tests.map(({ file, title }) => `  ${file}: ${title}\n`).join("")}`;
