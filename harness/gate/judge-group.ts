// SPDX-License-Identifier: Apache-2.0
// What a gate asks of the repeats of one case, each of its runs, and each of its events.
import { latePercentOf } from "../analysis/integrity.ts";
import { binomialUpperP, exact95 } from "../analysis/statistics.ts";
import type { RootCause, Summary } from "../record/schema.ts";
import { causeName, causes } from "../report/format.ts";
import { count, is, plural, was } from "../util/numbers.ts";
import type { ChanceTest, Finding } from "./finding.ts";
import type { Group } from "./groups.ts";
import type { Thresholds } from "./thresholds.ts";

type Answer = Omit<Finding, "case"> | Omit<ChanceTest, "case">;

/** `judged`: the group without the runs that have no result. */
export function judgeGroup(
  group: Group,
  limits: Thresholds,
): { findings: Finding[]; tests: ChanceTest[]; judged: Group } {
  const answers: Answer[] = [];
  const summaries = group.summaries.filter((summary, i) => {
    const why = withoutResult(summary, `Seed ${group.seeds[i]}`);
    if (why) answers.push(why);
    return !why;
  });
  const unjudged = summaries.filter(({ lossesJudged }) => !lossesJudged);
  if (unjudged.length > 0) answers.push(unjudgedLosses(unjudged, limits));
  for (const i of (summaries[0]?.events ?? []).keys())
    if (unjudged.length === 0 || limits.unjudgedLosses === "ideal") answers.push(lossExcess(summaries, i, limits));
  for (const summary of summaries) answers.push(...CHECKS.flatMap((check) => check(summary, limits)));
  const named = answers.map((answer) => ({ case: group.case, ...answer }));
  return {
    findings: named.flatMap((one) => ("state" in one ? one : [])),
    tests: named.flatMap((one) => ("p" in one ? one : [])),
    judged: { ...group, summaries },
  };
}

/** null: there is a result to judge. */
function withoutResult({ verdict, reasons }: Summary, seed: string): Answer | null {
  const why = reasons[0] ?? "no reason was recorded";
  if (verdict === "skip")
    return { check: "run", state: "info", text: `${seed} was skipped, which is not a pass: ${why}` };
  if (verdict === "error") return { check: "run", state: "error", text: `${seed}: the lab broke: ${why}` };
  if (verdict === "insufficient") return { check: "run", state: "no_data", text: `${seed}: not enough data: ${why}` };
  return null;
}

/** Says by what losses are judged that no oracle predicts. */
function unjudgedLosses(summaries: readonly Summary[], { unjudgedLosses: by }: Thresholds): Answer {
  const seeds = summaries.map(({ seed }) => `seed ${seed}`).join(", ");
  const how = by === "ideal" ? "They are judged against the ideal" : "They are not judged";
  return {
    check: "unjudged",
    state: "info",
    text: `${seeds}: UNJUDGED losses: no oracle predicts them. ${how} (threshold 'unjudgedLosses').`,
  };
}

/** Without a value there is no data. */
function limited(check: string, value: number | null, most: number, text: string): Answer {
  return { check, state: value === null ? "no_data" : value > most ? "failed" : "held", text };
}

type Check = (summary: Summary, limits: Thresholds) => Answer[];

/** Checks of one run, in the order of the output. */
const CHECKS: readonly Check[] = [
  ownFailures,
  outsideEvents,
  rootCauses,
  forgottenLosses,
  spread,
  unaccounted,
  integrity,
  recovery,
  latency,
];

function ownFailures({ seed, deterministicFailures }: Summary, { ownVerdict }: Thresholds): Answer[] {
  if (!ownVerdict) return [];
  return deterministicFailures.map((text) => ({ check: "verdict", state: "failed", text: `seed ${seed}: ${text}` }));
}

function outsideEvents(
  { seed, connections, causesOutsideEvents }: Summary,
  { lostOutsideEvents: most }: Thresholds,
): Answer[] {
  const lost = connections.lostOutsideEvents;
  const why = lost > 0 && causesOutsideEvents ? ` (${causes(causesOutsideEvents)})` : "";
  const text = `seed ${seed}: ${plural(lost, "connection")} ${was(lost)} lost outside the events${why}, limit ${count(most)}.`;
  return [limited("lost_outside_events", lost, most, text)];
}

function rootCauses({ seed, causes: found }: Summary, { causes: limits }: Thresholds): Answer[] {
  return (Object.entries(limits) as [RootCause, number][]).map(([root, most]) => {
    const lost = found ? (found[root] ?? 0) : null;
    const text =
      lost === null
        ? `seed ${seed}: this summary is older than root causes. Try 'report' on its run.`
        : `seed ${seed}: ${plural(lost, "connection")} ${was(lost)} lost by ${causeName(root)}, limit ${count(most)}.`;
    return limited(`cause_${root}`, lost, most, text);
  });
}

function forgottenLosses({ seed, forgotten }: Summary, { lostForgotten: most }: Thresholds): Answer[] {
  if (!forgotten) return [];
  const { lost, predicted, interval } = forgotten;
  const high = interval?.[1] ?? predicted;
  const excess = Math.max(0, lost - Math.ceil(high));
  const text = `seed ${seed}: ${plural(lost, "connection")} ${was(lost)} lost because the balancer had forgotten them, ${count(excess)} more than its memory explains, limit ${count(most)}.`;
  return [limited("lost_forgotten", excess, most, text)];
}

function spread({ seed, targets, spread: { chi2P: p } }: Summary, limits: Thresholds): Answer[] {
  if (!limits.spread) return [];
  if (p !== null)
    return [{ check: "spread", p, text: `seed ${seed}: spread over ${plural(targets, "target")}, chi-square` }];
  if (targets <= 1) return [];
  return [{ check: "spread", state: "info", text: `seed ${seed}: too few connections to judge the spread.` }];
}

function unaccounted({ seed, packets }: Summary, { unaccountedPercent: most }: Thresholds): Answer[] {
  const { sent, unaccounted: missing, duplicated = 0, noise = 0 } = packets;
  if (packets.accounts === false)
    return [
      { check: "unaccounted", state: "info", text: `seed ${seed}: the backend does not account for its packets.` },
    ];
  if (most === undefined && sent > 0)
    return [
      limited(
        "unaccounted",
        Math.max(missing, duplicated),
        noise,
        `seed ${seed}: ${count(missing)} of ${count(sent)} packets are unaccounted for, ${count(duplicated)} more arrived than were sent; a healthy lab shows at most ${count(noise)}.`,
      ),
    ];
  const share = sent === 0 ? null : (100 * (missing + duplicated)) / sent;
  const text =
    share === null
      ? `seed ${seed}: no packets were counted.`
      : `seed ${seed}: ${count(packets.unaccounted)} of ${plural(packets.sent, "packet")} ${is(packets.unaccounted)} unaccounted for (${share.toFixed(3)} %, limit ${most ?? 0} %).`;
  return [limited("unaccounted", share, most ?? 0, text)];
}

function integrity({ seed, integrity: counts }: Summary, { integrity: limits }: Thresholds): Answer[] {
  if (!counts) return [];
  const { answers, corrupt, duplicates, reordered, late } = counts.judged;
  const checks: [check: string, value: number, most: number, text: string][] = [
    ["corrupt", corrupt, limits.corrupt, `${count(corrupt)} messages came back otherwise than they were sent`],
    ["duplicates", duplicates, limits.duplicates, `${count(duplicates)} messages came back more than once`],
    ["reordered", reordered, limits.reordered, `${count(reordered)} messages came back out of order`],
  ];
  const percent = latePercentOf(counts.judged);
  return [
    ...checks.map(([check, value, most, text]) =>
      limited(check, value, most, `seed ${seed}: ${text}, limit ${count(most)}.`),
    ),
    limited(
      "late",
      percent,
      limits.latePercent,
      `seed ${seed}: ${count(late)} of ${count(answers)} answers were late while nothing else was (${percent.toFixed(3)} %, limit ${limits.latePercent} %).`,
    ),
  ];
}

function recovery({ seed, events }: Summary, { recoverMs: most }: Thresholds): Answer[] {
  if (most === undefined) return [];
  return events.map(({ recoveredMs: ms }, i) => {
    const what =
      ms === null
        ? "a lost connection was never opened again"
        : `all lost connections were open again after ${ms.toFixed(0)} ms`;
    const text = `seed ${seed}: event ${i + 1}: ${what}, limit ${most} ms.`;
    return limited("recover", ms ?? Number.POSITIVE_INFINITY, most, text);
  });
}

function latency({ seed, latencyMs: { p99 } }: Summary, { latencyP99Ms: most }: Thresholds): Answer[] {
  if (most === undefined) return [];
  const text =
    p99 === null
      ? `seed ${seed}: no latency was measured.`
      : `seed ${seed}: the 99th percentile of the latency is ${p99.toPrecision(3)} ms, limit ${most} ms.`;
  return [limited("latency_p99", p99, most, text)];
}

/** Without tolerance nothing is left to chance where the oracle knows each connection: one too many is a fault. */
function lossExcess(summaries: readonly Summary[], i: number, limits: Thresholds): Answer {
  const check = "loss_excess";
  const excess = excessAt(summaries, i, limits.lossExcessPercent);
  if (excess === null) return { check, state: "no_data", text: `Event ${i + 1}: no connection was alive.` };
  const { p, text, exact } = excess;
  return exact ? { check, state: p < limits.falseAlarm ? "failed" : "held", text: `${text}.` } : { check, p, text };
}

/**
 * Losses at event i over all repeats, against the oracle. Where it knows each connection, the connections that had to stay are tested
 * against the tolerated rate alone; else the sum of chances is bounded by a binomial of the same mean (Hoeffding 1956).
 */
function excessAt(
  summaries: readonly Summary[],
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
  const text = `Event ${i + 1} (${events[0]?.kind}): ${count(lost)} of ${plural(alive, "connection")} lost (${low} to ${high} %), ${expected.toFixed(0)} ${known ? "predicted" : "ideal (no oracle)"}, ${percent} % above it tolerated`;
  return { p, text, exact: exact && tolerated === 0 };
}
