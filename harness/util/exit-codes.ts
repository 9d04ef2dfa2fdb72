// SPDX-License-Identifier: Apache-2.0
import type { Verdict } from "../record/schema.ts";

/** What a CI may rely on. */
export const EXIT = {
  passed: 0,
  failed: 1,
  usage: 2,
  infrastructure: 3,
  insufficient: 4,
  skipped: 77,
  interrupted: 130,
} as const;

/** The exit code of a command that ran these cases: the worst decides, and a skip is never a pass. */
export function exitCodeOf(verdicts: readonly Verdict[]): number {
  if (verdicts.includes("error")) return EXIT.infrastructure;
  if (verdicts.includes("fail")) return EXIT.failed;
  if (verdicts.includes("insufficient")) return EXIT.insufficient;
  return verdicts.includes("pass") ? EXIT.passed : EXIT.skipped;
}
