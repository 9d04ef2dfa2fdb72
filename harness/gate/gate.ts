// SPDX-License-Identifier: Apache-2.0
// The gate's judgement: pure, from analysed runs to findings, each a sentence with the numbers. README.md states the statistics.
import { fisherUpperP } from "../analysis/statistics.ts";
import { count } from "../util/numbers.ts";
import { type Baseline, type BaselineEntry, entryFor, measuredOf } from "./baseline.ts";
import { type BenchRow, judgeBench } from "./bench.ts";
import type { ChanceTest, Finding } from "./finding.ts";
import { type Group, isSimulated } from "./groups.ts";
import { judgeGroup } from "./judge-group.ts";
import { fewestRepeats, ratioOf } from "./ratio.ts";
import type { Thresholds } from "./thresholds.ts";

export function judgeGate(
  groups: readonly Group[],
  limits: Thresholds,
  baseline: Baseline | null,
  bench: readonly BenchRow[] | null,
): Finding[] {
  const findings: Finding[] = [];
  const tests: ChanceTest[] = [];
  const ratios: RatioQuestion[] = [];
  for (const group of groups) {
    if (isSimulated(group)) {
      findings.push(noData(group.case, "record", "Simulated: no balancer took part. Judge a run of a lab."));
      continue;
    }
    const part = judgeGroup(group, limits);
    findings.push(...part.findings);
    tests.push(...part.tests);
    if (!baseline || part.judged.summaries.length === 0) continue;
    const entry = entryFor(baseline, group);
    if (entry) {
      tests.push(...againstBaseline(part.judged, entry));
      ratios.push(...ratioQuestions(part.judged, entry, limits));
    } else
      findings.push(noData(group.case, "baseline", "The baseline has no such case. Add it with --update-baseline."));
  }
  for (const { case: name } of baseline?.entries ?? [])
    if (!groups.some((group) => group.case === name))
      findings.push(noData(name, "baseline", "The baseline has this case, but no run has it."));
  const alpha = limits.falseAlarm / Math.max(1, tests.length + ratios.filter((r) => r.most !== null).length);
  for (const { p, text, ...test } of tests)
    findings.push({
      ...test,
      state: p < alpha ? "failed" : "held",
      text: `${text} (p = ${p.toPrecision(2)}, limit ${alpha.toPrecision(2)}).`,
    });
  findings.push(
    ...ratios.map((question) => judgeRatio(question, alpha)),
    ...judgeBench(limits.ratioToPlain, bench ?? []),
  );
  if (!findings.some(({ state }) => state === "held" || state === "failed" || state === "error"))
    findings.push(noData("", "data", "Nothing to judge: no run has a result."));
  return findings;
}

const noData = (name: string, check: string, text: string): Finding => ({ case: name, check, state: "no_data", text });

function againstBaseline(group: Group, entry: BaselineEntry): ChanceTest[] {
  const now = measuredOf(group);
  return now.events.flatMap(({ kind, alive, lost }, i) => {
    const before = entry.events[i];
    if (!before) return [];
    const text = `Event ${i + 1} (${kind}): ${count(lost)} of ${count(alive)} connections lost, baseline ${count(before.lost)} of ${count(before.alive)}, Fisher's test`;
    return [
      { case: group.case, check: "loss_baseline", p: fisherUpperP(lost, alive, before.lost, before.alive), text },
    ];
  });
}

interface RatioQuestion {
  case: string;
  check: string;
  now: readonly number[];
  before: readonly number[];
  /** null: told, not judged. */
  most: number | null;
}

function ratioQuestions(group: Group, entry: BaselineEntry, limits: Thresholds): RatioQuestion[] {
  const now = measuredOf(group);
  const all = [
    ["recover_ratio", now.recoverMs, entry.recoverMs, limits.recoverRatio],
    ["latency_p50_ratio", now.latencyP50Ms, entry.latencyP50Ms, limits.latencyP50Ratio],
    ["latency_p99_ratio", now.latencyP99Ms, entry.latencyP99Ms, limits.latencyP99Ratio],
  ] as const;
  return all.flatMap(([check, a, b, most]) => {
    // A time of 0, nothing was lost, has no ratio.
    const [values, before] = [a.filter((v) => v > 0), b.filter((v) => v > 0)];
    if (most === undefined && (values.length === 0 || before.length === 0)) return [];
    return [{ case: group.case, check, now: values, before, most: most ?? null }];
  });
}

function judgeRatio({ case: name, check, now, before, most }: RatioQuestion, alpha: number): Finding {
  const repeats = `${now.length} and ${before.length} repeats`;
  if (now.length === 0 || before.length === 0) return noData(name, check, `Nothing to compare (${repeats}).`);
  const { ratio, low } = ratioOf(now, before, alpha);
  const text = `${ratio.toFixed(2)} times the baseline (${repeats}${low === null ? "" : `; at least ${low.toFixed(2)}`})`;
  if (most === null) return { case: name, check, state: "info", text: `${text}; not judged.` };
  if (low === null)
    return noData(name, check, `${text}: too few to judge, ${fewestRepeats(alpha)} on each side are needed.`);
  return { case: name, check, state: low > most ? "failed" : "held", text: `${text}, limit ${most}.` };
}
