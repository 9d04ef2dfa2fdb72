// SPDX-License-Identifier: Apache-2.0
// Spans in which no target is in use: what became of attempts to connect meanwhile, against what the backend does then.
import type { ByCause, Cause, LossCause, OutageSummary, WithoutTargets } from "../record/schema.ts";
import { median } from "../util/median.ts";
import { count, list, plural, was } from "../util/numbers.ts";
import type { Check } from "./failures.ts";
import type { AnalysisModule, Judged } from "./part.ts";
import type { Row } from "./rows.ts";
import type { Timeline, View } from "./timeline.ts";

interface Span {
  /** When it may have begun and ended, and when it certainly had: monotonic ns. */
  fromT: number;
  begunT: number;
  endsT: number;
  toT: number;
}

/** As one router knows it. */
function outagesOf({ stages }: View, endT: number): Span[] {
  return stages.flatMap((stage, i) => {
    const next = stages[i + 1] ?? { requestedT: endT, effectiveT: endT };
    const [fromT, begunT] = [stage.requestedT, stage.effectiveT];
    return stage.active.size === 0 ? [{ fromT, begunT, endsT: next.requestedT, toT: next.effectiveT }] : [];
  });
}

/** Whether there was a moment of it at which no target was in use. */
export function isInOutage({ endT: trafficEndT }: Pick<Timeline, "endT">, row: Pick<Row, "view" | "startT" | "endT">) {
  return outagesOf(row.view, trafficEndT).some(({ fromT, toT }) => row.startT <= toT && row.endT >= fromT);
}

/** What ends an attempt; nothing did where it had no answer. */
const SILENT: ReadonlySet<Cause> = new Set<Cause>(["timeout", "stalled"]);

export const outage: AnalysisModule = ({ timeline }) => {
  const { views, t0, endT, deployed } = timeline;
  const spans = new Map(views.map((view) => [view, outagesOf(view, endT)]));
  const all = [...spans.values()].flat();
  const evidence = { outage: all.length > 0 };
  if (all.length === 0) return { part: () => ({ evidence }) };
  const expected = deployed.withoutTargets ?? null;
  const byCause: ByCause = {};
  const answeredMs: number[] = [];
  const add = ({ recorded: { cause }, establishedT, view, startT, endT: end }: Row) => {
    if (establishedT !== null || cause === "none") return;
    if (!spans.get(view)?.some(({ begunT, endsT }) => startT >= begunT && end <= endsT)) return;
    byCause[cause] = (byCause[cause] ?? 0) + 1;
    if (!SILENT.has(cause)) answeredMs.push((end - startT) / 1e6);
  };
  return {
    row: add,
    arrival: add,
    part() {
      const attempts = Object.values(byCause).reduce((sum, n) => sum + n, 0);
      const ms = (t: number) => (t - t0) / 1e6;
      const of = views.flatMap((view) => spans.get(view) ?? []);
      const unique = [...new Map(of.map((span) => [span.begunT, span])).values()];
      const summary: OutageSummary = {
        spans: unique.map(({ begunT, endsT }) => ({ fromMs: ms(begunT), toMs: ms(endsT) })),
        attempts,
        byCause,
        expected,
        mispredicted: mispredictedOf(expected, byCause),
        answeredMs: answeredMs.length === 0 ? null : { least: least(answeredMs), median: median(answeredMs) },
      };
      return { summary: { outage: summary }, evidence };
    },
  };
};

/** The kernel limits the rate of ICMP errors, so that most attempts may have no answer, but not all. */
export function mispredictedOf(expected: WithoutTargets | null, byCause: ByCause): number {
  const sum = (wanted: (cause: Cause) => boolean) =>
    Object.entries(byCause).reduce((total, [cause, n]) => total + (wanted(cause as LossCause) ? n : 0), 0);
  const [silent, ended] = [sum((cause) => SILENT.has(cause)), sum((cause) => !SILENT.has(cause))];
  switch (expected) {
    case "silence":
      return ended;
    case "refused":
      return silent;
    case "unreachable":
      return ended === 0 ? silent : sum((cause) => cause === "reset" || cause === "eof");
    case null:
      return 0;
  }
}

const MEANING: Readonly<Record<WithoutTargets, string>> = {
  silence: "this balancer answers none",
  unreachable: "this balancer answers with ICMP errors, at the kernel's limited rate",
  refused: "this balancer ends each of them",
};

function whatHappened({ spans, attempts, byCause }: OutageSummary): string {
  const seconds = spans.map(({ fromMs, toMs }) => `${(fromMs / 1000).toFixed(2)} to ${(toMs / 1000).toFixed(2)} s`);
  const causes = Object.entries(byCause).map(([cause, n]) => `${count(n)} ended by ${cause}`);
  return `While no target was in use (${seconds.join(", ")}) ${plural(attempts, "attempt")} to connect came to nothing${causes.length > 0 ? `: ${list(causes)}` : ""}`;
}

const least = (values: readonly number[]) => values.reduce((a, b) => Math.min(a, b));

/** TCP sends a SYN again after a second: a client that is told later was left to wait. */
const AT_ONCE_MS = 950;

/** ICMP errors come at a limited rate, so that only the quickest of them tells. */
function lateAnswers({ expected, answeredMs }: OutageSummary): Check {
  const ms = expected === "unreachable" ? answeredMs?.least : answeredMs?.median;
  const which = expected === "unreachable" ? "the quickest answer" : "half of the answers";
  return [
    expected !== "silence" && ms !== undefined && ms > AT_ONCE_MS,
    `While no target was in use clients were left to wait: ${which} took ${ms?.toFixed(0)} ms or more.`,
  ];
}

export function outageFailures({ outage: found }: Judged): Check[] {
  if (!found?.expected) return [];
  const { mispredicted, expected } = found;
  return [
    lateAnswers(found),
    [
      mispredicted > 0,
      `${whatHappened(found)}; ${count(mispredicted)} of them ${was(mispredicted)} not as predicted: ${MEANING[expected]}.`,
    ],
  ];
}

export function outageMerits({ outage: found }: Judged): string[] {
  if (!found) return [];
  const { expected, answeredMs } = found;
  const told = answeredMs ? ` Half of the answers came within ${answeredMs.median.toFixed(1)} ms.` : "";
  return [`${whatHappened(found)}${expected ? `, as predicted: ${MEANING[expected]}` : ""}.${told}`];
}
