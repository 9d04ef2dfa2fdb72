// SPDX-License-Identifier: Apache-2.0
import type { OracleSpec } from "../oracle/oracle.ts";
import type { Summary } from "../record/schema.ts";
import { count, plural, was } from "../util/numbers.ts";
import { failuresOf } from "./failures.ts";
import { drowned } from "./flood.ts";
import { gapsOf, heldUp, lateness, starvation } from "./gaps.ts";
import { merits } from "./merits.ts";
import type { Evidence, Judged } from "./part.ts";

interface Findings {
  summary: Judged;
  evidence: Evidence;
  /** Sentences about connections whose fate differs from the prediction. */
  differences: readonly string[];
  /** What of the balancer broke. */
  faults: readonly string[];
  oracle: OracleSpec | null;
}

/** Every reason is one sentence with the numbers. `faults` are what of the balancer broke. */
export function judge({
  summary,
  evidence,
  differences,
  faults,
  oracle,
}: Findings): Pick<Summary, "verdict" | "reasons" | "deterministicFailures"> {
  const failed = failuresOf(summary, evidence, oracle);
  const deterministicFailures = [...faults, ...failed.flatMap(([, text, part]) => (part === "chance" ? [] : [text]))];
  const failures = [...faults, ...failed.map(([, text]) => text)];
  if (failed.length > 0) failures.push(...differences);
  // Losses beside a queue that overran may be the machine's, and what becomes of connections that it held up tells nothing, either.
  const late =
    lateness(summary) ??
    heldUp(summary, evidence) ??
    (failures.length > 0 ? (starvation(summary) ?? drowned(summary)) : null);
  // What a generator that fell behind saw is no result, whatever it was; a balancer that broke is one.
  if (late !== null && faults.length === 0)
    return { verdict: "insufficient", reasons: [late, ...failures], deterministicFailures };
  if (failures.length > 0) return { verdict: "fail", reasons: failures, deterministicFailures };
  const gaps = gapsOf(summary, evidence);
  if (gaps.length > 0) return { verdict: "insufficient", reasons: gaps, deterministicFailures };
  if (!summary.lossesJudged)
    return { verdict: "unjudged", reasons: [unjudged(summary), ...merits(summary)], deterministicFailures };
  return { verdict: "pass", reasons: merits(summary), deterministicFailures };
}

/** What was lost at the events that no oracle predicts, beside the ideal. */
function unjudged({ events }: Judged): string {
  const unknown = events.filter(({ predicted }) => predicted === null);
  const sum = (of: (event: (typeof unknown)[number]) => number) =>
    unknown.reduce((total, event) => total + of(event), 0);
  const [lost, alive, ideal] = [sum((e) => e.lost), sum((e) => e.alive), sum((e) => e.ideal)];
  return `UNJUDGED losses: no oracle predicts them. ${count(lost)} of ${plural(alive, "connection")} ${was(lost)} lost at ${unknown.length === 1 ? "the event" : `${unknown.length} events`}, ideal ${count(ideal)}. 'gate' judges them against the ideal.`;
}
