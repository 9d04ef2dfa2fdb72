// SPDX-License-Identifier: Apache-2.0
// Who gets the new connections while targets come and go: in each window from an event to the next one, or to the end.
import type { StatefulSpec } from "../oracle/oracle.ts";
import type { SpreadWindow } from "../record/event-summary.ts";
import { plural } from "../util/numbers.ts";
import { type Life, toTheFewest } from "./fewest.ts";
import type { AnalysisModule, Judged } from "./part.ts";
import { isOpenedAgain } from "./reuse.ts";
import { hasBoundSources } from "./sources.ts";
import { chiSquareP } from "./statistics.ts";
import type { Timeline } from "./timeline.ts";

/** All windows of a run together raise one false alarm in a thousand fair runs. */
const WINDOWS_P = 0.001;

/** Monotonic ns: who was opened in between was opened under one state of things. */
interface Window {
  fromT: number;
  toT: number;
  perTarget: Map<string, number>;
}

export const spreadAfterEvents: AnalysisModule = ({ timeline }) => {
  const { scales, endT } = timeline;
  const windows = scales.map(({ effectiveT }, i): Window => {
    const toT = scales[i + 1]?.requestedT ?? endT;
    return { fromT: effectiveT, toT, perTarget: new Map() };
  });
  const counts = laterOf(timeline)?.startsWith("fewest") ?? false;
  const takesTurns = isInTurn(timeline);
  const lives: Life[] = [];
  const take = (life: Life) => {
    const { target, startT, openT } = life;
    if (counts) lives.push(life);
    const window = windows.find(({ fromT, toT }) => startT >= fromT && openT < toT);
    if (window) window.perTarget.set(target, (window.perTarget.get(target) ?? 0) + 1);
  };
  return {
    established(row) {
      const { startT, establishedT, endT: goneT, stream } = row;
      const { target, movedTo, cause } = row.connection;
      if (target === null || windows.length === 0 || isOpenedAgain(timeline, row)) return;
      const { family } = stream;
      take({ target, family, startT, openT: establishedT, goneT: cause === "none" ? endT : goneT });
      // The balancer takes the datagrams of a flow whose target left for a new one.
      if (takesTurns && movedTo !== null) take({ target: movedTo, family, startT: goneT, openT: goneT, goneT: endT });
    },
    part() {
      const found = windows.flatMap((window, i) =>
        window.perTarget.size > 0 ? [summaryOf(timeline, window, i, () => lives)] : [],
      );
      return found.length > 0 ? { summary: { spreadAfterEvents: found } } : {};
    },
  };
};

/** Targets are given out in turn, or to who has the fewest: then whoever gets one changes what the next one gets. */
export function isInTurn({ deployed: { oracle } }: Pick<Timeline, "deployed">): boolean {
  return oracle?.strategy === "stateful" && (oracle as StatefulSpec).assign === null;
}

/** null: nobody can know. */
function laterOf({ deployed: { oracle } }: Timeline): StatefulSpec["later"] | null {
  if (oracle?.strategy !== "stateful") return "shares";
  const { later, assign } = oracle as StatefulSpec;
  return later ?? (assign ? "shares" : null);
}

function summaryOf(timeline: Timeline, window: Window, i: number, livesOf: () => readonly Life[]): SpreadWindow {
  const { t0, stages } = timeline;
  const active = [...(stages[i + 1]?.active ?? [])].sort();
  const names = [...new Set([...active, ...window.perTarget.keys()])].sort();
  const perTarget = Object.fromEntries(names.map((name) => [name, window.perTarget.get(name) ?? 0]));
  const expected = expectedIn(timeline, window, i, livesOf);
  const judged = expected && names.filter((name) => active.includes(name) || perTarget[name] === 0);
  return {
    event: i + 1,
    fromMs: (window.fromT - t0) / 1e6,
    toMs: (window.toT - t0) / 1e6,
    perTarget,
    expected: expected && Object.fromEntries(expected),
    chi2P:
      judged &&
      chiSquareP(
        judged.map((name) => perTarget[name] ?? 0),
        judged.map((name) => expected.get(name) ?? 0),
      ),
  };
}

/** null: it is not known, as after targets that died unannounced, or where routers do not all know the same. */
function expectedIn(
  timeline: Timeline,
  window: Window,
  i: number,
  livesOf: () => readonly Life[],
): Map<string, number> | null {
  const { scales, stages, views, deployed } = timeline;
  const isKnown = scales
    .slice(0, i + 1)
    .every(({ meaning }) => meaning.subject === "targets" && meaning.announced && meaning.told === "all");
  const shares = timeline.sharesIn(stages[i + 1]);
  if (!isKnown || views.length > 1 || !shares || hasBoundSources(timeline)) return null;
  const total = [...window.perTarget.values()].reduce((sum, n) => sum + n, 0);
  const later = laterOf(timeline);
  if (later === null) return null;
  const since = later === "fewest" ? deployed.t : (scales[i]?.requestedT ?? 0);
  if (later !== "shares") return toTheFewest(livesOf(), shares, { ...window, since });
  return new Map([...shares].map(([name, share]) => [name, share * total]));
}

export function spreadAfterEventsFailures({ spreadAfterEvents: windows = [] }: Judged): string[] {
  const judged = windows.filter(({ chi2P }) => chi2P !== null);
  return judged.flatMap(({ event, perTarget, expected, chi2P }) => {
    const limit = WINDOWS_P / judged.length;
    if (chi2P === null || chi2P >= limit || !expected) return [];
    const [worst] = Object.keys(expected)
      .map((name) => ({ name, got: perTarget[name] ?? 0, due: expected[name] ?? 0 }))
      .sort((a, b) => Math.abs(b.got - b.due) - Math.abs(a.got - a.due));
    return [
      `After event ${event} the new connections do not spread as expected: ${worst?.name} got ${worst?.got}, ${worst?.due.toFixed(0)} expected (chi-square p = ${chi2P.toExponential(1)}, limit ${limit.toPrecision(2)}).`,
    ];
  });
}

export function spreadAfterEventsMerits({ spreadAfterEvents: windows = [] }: Judged): string[] {
  const judged = windows.filter(({ chi2P }) => chi2P !== null);
  if (judged.length === 0) return [];
  const least = Math.min(...judged.map(({ chi2P }) => chi2P ?? 1));
  return [
    `After ${plural(judged.length, "event")} the new connections spread as expected (chi-square p = ${least.toPrecision(2)}${judged.length > 1 ? " or more" : ""}).`,
  ];
}
