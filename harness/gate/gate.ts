// SPDX-License-Identifier: Apache-2.0
// The gate's judgement: pure, from analysed runs to findings, each a sentence with the numbers. README.md states the statistics.
import { binomialUpperP, exact95, fisherUpperP } from "../analysis/statistics.ts";
import { type Baseline, type BaselineEntry, entryFor, measuredOf } from "./baseline.ts";
import { type BenchRow, judgeBench } from "./bench.ts";
import type { Group } from "./groups.ts";
import { fewestRepeats, ratioOf } from "./ratio.ts";
import type { Thresholds } from "./thresholds.ts";

/** "no_data" is never a pass; "info" is told and not judged. */
export type State = "held" | "failed" | "no_data" | "error" | "info";

export interface Finding {
  case: string;
  check: string;
  state: State;
  text: string;
}

/** A test in which chance has a part: how it is judged depends on how many of them there are. */
interface ChanceTest {
  case: string;
  check: string;
  /** Probability of what was seen, or worse, when the balancer is faultless. */
  p: number;
  text: string;
}

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
    const part = judgeGroup(group, limits);
    findings.push(...part.findings);
    tests.push(...part.tests);
    if (!baseline || part.judged.summaries.length === 0) continue;
    const entry = entryFor(baseline, group);
    if (entry) {
      tests.push(...againstBaseline(part.judged, entry));
      ratios.push(...ratioQuestions(part.judged, entry, limits));
    } else
      findings.push(
        noData(group.case, "baseline", "The baseline has no such case. Take it up with --update-baseline."),
      );
  }
  for (const { case: name } of baseline?.entries ?? [])
    if (!groups.some((group) => group.case === name))
      findings.push(noData(name, "baseline", "The baseline has this case, but there is no run of it."));
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
    findings.push(noData("", "data", "There is nothing to judge: no run has a result."));
  return findings;
}

const noData = (name: string, check: string, text: string): Finding => ({ case: name, check, state: "no_data", text });
const n = (count: number) => count.toLocaleString("en-US");

function judgeGroup(group: Group, limits: Thresholds): { findings: Finding[]; tests: ChanceTest[]; judged: Group } {
  const findings: Finding[] = [];
  const say = (check: string, state: State, text: string) => findings.push({ case: group.case, check, state, text });
  const limit = (check: string, value: number | null, most: number, text: string) =>
    say(check, value === null ? "no_data" : value > most ? "failed" : "held", text);
  const summaries = group.summaries.filter((summary, i) => {
    const why = summary.reasons[0] ?? "no reason was recorded";
    if (summary.verdict === "skip") say("run", "info", `Seed ${group.seeds[i]} was skipped, which is no pass: ${why}`);
    else if (summary.verdict === "error") say("run", "error", `Seed ${group.seeds[i]}: the lab broke: ${why}`);
    else if (summary.verdict === "insufficient")
      say("run", "no_data", `Seed ${group.seeds[i]}: not enough data: ${why}`);
    else return true;
    return false;
  });
  const judged = { ...group, summaries };
  const tests: ChanceTest[] = [];
  const test = (check: string, p: number, text: string) => tests.push({ case: group.case, check, p, text });

  for (const [i] of (summaries[0]?.events ?? []).entries()) {
    const excess = excessAt(judged, i, limits.lossExcessPercent);
    if (excess === null) say("loss_excess", "no_data", `Event ${i + 1}: no connection was alive.`);
    else if (excess.exact) say("loss_excess", excess.p < limits.falseAlarm ? "failed" : "held", `${excess.text}.`);
    else test("loss_excess", excess.p, excess.text);
  }
  for (const s of summaries) {
    const seed = `seed ${s.seed}`;
    if (limits.ownVerdict) for (const text of s.deterministicFailures) say("verdict", "failed", `${seed}: ${text}`);
    const outside = s.connections.lostOutsideEvents;
    limit(
      "lost_outside_events",
      outside,
      limits.lostOutsideEvents,
      `${seed}: ${n(outside)} connections were lost outside the events, limit ${n(limits.lostOutsideEvents)}.`,
    );
    if (limits.spread) {
      const p = s.spread.chi2P;
      if (p !== null) test("spread", p, `${seed}: spread over ${s.targets} targets, chi-square`);
      else if (s.targets > 1) say("spread", "info", `${seed}: too few connections to judge the spread.`);
    }
    const share = s.packets.sent === 0 ? null : (100 * Math.abs(s.packets.unaccounted)) / s.packets.sent;
    limit(
      "unaccounted",
      share,
      limits.unaccountedPercent,
      share === null
        ? `${seed}: no packets were counted.`
        : `${seed}: ${n(s.packets.unaccounted)} of ${n(s.packets.sent)} packets are unaccounted for (${share.toFixed(3)} %, limit ${limits.unaccountedPercent} %).`,
    );
    if (limits.recoverMs !== undefined)
      for (const [i, { recoveredMs: ms }] of s.events.entries())
        limit(
          "recover",
          ms ?? Number.POSITIVE_INFINITY,
          limits.recoverMs,
          `${seed}: event ${i + 1}: ${ms === null ? "a lost connection was never open again" : `all lost connections were open again after ${ms.toFixed(0)} ms`}, limit ${limits.recoverMs} ms.`,
        );
    if (limits.latencyP99Ms !== undefined)
      limit(
        "latency_p99",
        s.latencyMs.p99,
        limits.latencyP99Ms,
        s.latencyMs.p99 === null
          ? `${seed}: no latency was measured.`
          : `${seed}: 99 % of the answers came within ${s.latencyMs.p99.toPrecision(3)} ms, limit ${limits.latencyP99Ms} ms.`,
      );
  }
  return { findings, tests, judged };
}

/**
 * Losses at event i over all repeats, against the oracle. Where it knows each connection, the connections that had to stay are tested
 * against the tolerated rate alone; else the sum of chances is bounded by a binomial of the same mean (Hoeffding 1956).
 */
function excessAt(
  { summaries }: Group,
  i: number,
  percent: number,
): { p: number; text: string; exact: boolean } | null {
  const events = summaries.flatMap((s) => s.events[i] ?? []);
  const sum = (of: (e: (typeof events)[number]) => number) => events.reduce((total, e) => total + of(e), 0);
  const [alive, lost] = [sum((e) => e.alive), sum((e) => e.lost)];
  if (alive === 0) return null;
  const known = events.every((e) => e.predicted !== null);
  const expected = known ? sum((e) => e.predictedMost ?? 0) : sum((e) => e.ideal);
  const exact = known && events.every((e) => e.predictedInterval === null);
  const tolerated = percent / 100;
  const p = exact
    ? binomialUpperP(lost - expected, alive - expected, tolerated)
    : binomialUpperP(lost, alive, Math.min(1, expected / alive + tolerated));
  const [low, high] = exact95(lost, alive).map((share) => (share * 100).toFixed(2));
  const text = `Event ${i + 1} (${events[0]?.kind}): ${n(lost)} of ${n(alive)} connections lost (${low} to ${high} %), ${expected.toFixed(0)} ${known ? "predicted" : "ideal"}, ${percent} % above it tolerated`;
  // Without tolerance nothing is left to chance: one connection too many is a fault.
  return { p, text, exact: exact && tolerated === 0 };
}

function againstBaseline(group: Group, entry: BaselineEntry): ChanceTest[] {
  const now = measuredOf(group);
  return now.events.flatMap(({ kind, alive, lost }, i) => {
    const before = entry.events[i];
    if (!before) return [];
    const text = `Event ${i + 1} (${kind}): ${n(lost)} of ${n(alive)} connections lost, baseline ${n(before.lost)} of ${n(before.alive)}, Fisher's test`;
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
  if (now.length === 0 || before.length === 0) return noData(name, check, `There is nothing to compare (${repeats}).`);
  const { ratio, low } = ratioOf(now, before, alpha);
  const text = `${ratio.toFixed(2)} times the baseline (${repeats}${low === null ? "" : `; at least ${low.toFixed(2)}`})`;
  if (most === null) return { case: name, check, state: "info", text: `${text}; not judged.` };
  if (low === null)
    return noData(name, check, `${text}: too few to judge; it takes ${fewestRepeats(alpha)} on each side.`);
  return { case: name, check, state: low > most ? "failed" : "held", text: `${text}, limit ${most}.` };
}
