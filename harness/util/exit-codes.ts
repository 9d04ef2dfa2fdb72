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

const VERDICTS: readonly Verdict[] = ["pass", "unjudged", "fail", "skip", "insufficient", "error"];

/** The exit code of a command that ran these cases: the worst decides, and neither a skip nor a word that is no verdict is ever a pass. Losses that nobody judged are the gate's matter. */
export function exitCodeOf(verdicts: readonly Verdict[]): number {
  if (verdicts.includes("error") || verdicts.some((verdict) => !VERDICTS.includes(verdict))) return EXIT.infrastructure;
  if (verdicts.includes("fail")) return EXIT.failed;
  if (verdicts.includes("insufficient")) return EXIT.insufficient;
  return verdicts.includes("pass") || verdicts.includes("unjudged") ? EXIT.passed : EXIT.skipped;
}
