// SPDX-License-Identifier: Apache-2.0
// Which router a connection crosses must not decide which target it gets: two tiers that choose by the same hash polarise.
import type { Summary } from "../record/schema.ts";
import { independenceP } from "./independence.ts";
import type { AnalysisModule, Judged } from "./part.ts";
import { hasBoundSources } from "./sources.ts";

const TIER_P = 0.001;

/** First connections by router and target, before anything changed. */
export const tiers: AnalysisModule = ({ run, timeline }) => {
  const { routerOf, shares, deployed, scales } = timeline;
  if (!routerOf) return { part: () => ({}) };
  const firstT = scales[0]?.requestedT ?? Number.POSITIVE_INFINITY;
  const columns = new Map(run.targets.map((name, i) => [name, i]));
  const table = run.routers.map(() => run.targets.map(() => 0));
  return {
    established({ connection: { target, generation }, stream, flow, establishedT }) {
      if (generation > 0 || (stream.visit ?? 1) > 1 || establishedT >= firstT) return;
      const [row, column] = [table[routerOf(flow)], columns.get(target ?? "")];
      if (row && column !== undefined) row[column] = (row[column] ?? 0) + 1;
    },
    part() {
      const active = deployed.active.flatMap((name) => columns.get(name) ?? []);
      const perRouter = Object.fromEntries(
        run.routers.map((router, r) => [
          router,
          Object.fromEntries(active.map((column) => [run.targets[column] ?? "", table[r]?.[column] ?? 0])),
        ]),
      );
      // Where sources keep their targets, connections do not choose one by one.
      const isJudged = (deployed.oracle === null || shares !== null) && !hasBoundSources(timeline);
      const p = isJudged ? independenceP(table.map((row) => active.map((column) => row[column] ?? 0))) : null;
      return { summary: { tiers: { perRouter, independenceP: p } } };
    },
  };
};

const pText = (p: number) => (p < 1e-15 ? "< 1e-15" : `= ${p.toExponential(1)}`);

type Tiers = NonNullable<Summary["tiers"]>;

export function tierFailures({ tiers: found }: Judged): string[] {
  if (found?.independenceP == null || found.independenceP >= TIER_P) return [];
  return [
    `Polarisation: the router that a connection crosses decides which target it gets (${reachOf(found)}; test of independence p ${pText(found.independenceP)}, limit ${TIER_P}). Give each tier a hash seed of its own: --set hashSeed=.`,
  ];
}

/** "vm-201 reaches 5 of 10 targets, vm-202 5". */
function reachOf({ perRouter }: Tiers): string {
  const rows = Object.entries(perRouter);
  const reached = (row: Readonly<Record<string, number>>) => Object.values(row).filter((n) => n > 0).length;
  const [first, ...others] = rows.map(([router, row]) => ({ router, of: Object.keys(row).length, n: reached(row) }));
  if (!first) return "";
  const isPartial = [first, ...others].some(({ n, of }) => n < of);
  if (!isPartial) return `each router reaches all ${first.of} targets, but unevenly`;
  return [
    `${first.router} reaches ${first.n} of ${first.of} targets`,
    ...others.map(({ router, n }) => `${router} ${n}`),
  ].join(", ");
}

export function tierMerits({ tiers: found }: Judged): string[] {
  if (found?.independenceP == null) return [];
  return [
    `The routers' connections spread alike over the targets (test of independence p = ${found.independenceP.toPrecision(2)}).`,
  ];
}
