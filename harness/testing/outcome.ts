// SPDX-License-Identifier: Apache-2.0
// What the output of the suite's phases says: counts, and what was skipped.
import { stripVTControlCharacters } from "node:util";
import type { Skip } from "./skips.ts";

export interface TestName {
  file: string;
  title: string;
}

/** One script of package.json that has run. */
export interface Phase {
  script: string;
  passed: boolean;
  seconds: number;
  output: string;
  /** Of its failed tests those that passed when nothing ran beside them. */
  passedAlone?: readonly TestName[];
}

/** Lines "SKIP: reason" of a phase that is no AVA: there a line is part of a test's log. */
export function skipsIn({ script, output }: Phase): Skip[] {
  return [...output.matchAll(/^SKIP: (.+)$/gm)].map(([, reason = ""]) => ({
    file: script,
    title: script,
    reasons: [reason],
  }));
}

/** Of tests. A phase that failed without a failed test of its own (the build, a crash of AVA) counts as one that failed. */
export function countsOf(
  phases: readonly Phase[],
  skips: readonly Skip[],
): Record<"passed" | "failed" | "skipped", number> {
  const tests = phases.map((phase) => {
    const counted = avaCounts(phase.output);
    return { ...counted, passed: counted.passed + (phase.passedAlone?.length ?? 0), failed: failuresIn(phase) };
  });
  const sum = (key: "passed" | "failed" | "skipped") => tests.reduce((total, one) => total + one[key], 0);
  // To AVA a test that found out that it cannot run has passed.
  const within = skips.filter(({ file }) => file.endsWith(".test.ts")).length;
  return { passed: sum("passed") - within, failed: sum("failed"), skipped: sum("skipped") + skips.length };
}

export function failuresIn({ output, passed, passedAlone = [] }: Phase): number {
  const { failed } = avaCounts(output);
  return passed ? failed : Math.max(1, failed) - passedAlone.length;
}

/** AVA prints a line for each test that passed, and how many did not at the end: "  2 tests failed". */
export function avaCounts(output: string): Record<"passed" | "failed" | "skipped", number> {
  const text = stripVTControlCharacters(output);
  const count = (pattern: string) =>
    [...text.matchAll(new RegExp(`^ {2}(\\d+) ${pattern}$`, "gm"))].reduce(
      (sum, [, number]) => sum + Number(number),
      0,
    );
  return {
    passed: [...text.matchAll(/^ {2}[✔√] /gm)].length,
    failed: count("(?:tests? failed|uncaught exceptions?|unhandled rejections?|tests? remaining.*)"),
    skipped: count("tests? skipped"),
  };
}

/** Each reason once, with the tests that it is for. */
export function describeSkips(skips: readonly Skip[]): string {
  const titles = new Map<string, string[]>();
  for (const { file, title, reasons } of skips) {
    const why = reasons.join(" ");
    titles.set(why, [...(titles.get(why) ?? []), file === title ? title : `${file}: ${title}`]);
  }
  return [...titles].map(([why, all]) => `  ${why}\n${all.map((title) => `    ${title}\n`).join("")}`).join("");
}
