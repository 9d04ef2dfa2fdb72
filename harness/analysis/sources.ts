// SPDX-License-Identifier: Apache-2.0
// Few client addresses: where a source keeps its target, chance decides for the source, and no longer for each of its connections.
import { affinityS } from "../oracle/affinity.ts";
import type { StreamStart } from "../record/schema.ts";
import type { SourcesSummary } from "../record/summary.ts";
import { count, plural, was } from "../util/numbers.ts";
import type { Check } from "./failures.ts";
import type { AnalysisModule, Judged } from "./part.ts";
import type { Established } from "./rows.ts";
import type { Timeline } from "./timeline.ts";

/** Seconds for which a source of this stream keeps its target; 0: it does not, or there are so many that it makes no difference. */
export function boundS({ deployed: { oracle } }: Pick<Timeline, "deployed">, stream: StreamStart): number {
  return stream.sources === undefined ? 0 : affinityS(oracle, stream.family);
}

/** Whether connections of some stream share their luck with others of their source. */
export const hasBoundSources = (timeline: Timeline): boolean =>
  [...timeline.streams.values()].some((stream) => boundS(timeline, stream) > 0);

export const keyOf = ({ stream, recorded }: Pick<Established, "stream" | "recorded">): string =>
  `${stream.family}/${recorded.srcOffset}`;

const FAMILIES = [4, 6] as const;

interface Opened {
  target: string;
  startT: number;
  answeredT: number;
  limitNs: number;
}

/** Of connections one after the other, before anything changed: those at once may be chosen for at once. */
export const sources: AnalysisModule = ({ timeline, explain }) => {
  if (!hasBoundSources(timeline)) return { part: () => ({}) };
  const firstT = timeline.scales[0]?.requestedT ?? Number.POSITIVE_INFINITY;
  const bySource = new Map<string, (Opened & { row: Established })[]>();
  return {
    established(row) {
      const limitNs = boundS(timeline, row.stream) * 1e9;
      const { target } = row.connection;
      if (limitNs === 0 || target === null || row.establishedT >= firstT) return;
      const all = bySource.get(keyOf(row)) ?? [];
      bySource.set(keyOf(row), all);
      all.push({ target, startT: row.startT, answeredT: row.establishedT, limitNs, row });
    },
    part() {
      const rows = [...bySource.values()].flat().map(({ row }) => row);
      const found: SourcesSummary = {
        bound: bySource.size,
        families: FAMILIES.filter((family) => rows.some(({ stream }) => stream.family === family)),
        targets: [...new Set(rows.flatMap(({ connection }) => connection.target ?? []))].sort(),
        returns: 0,
        moved: 0,
      };
      for (const all of bySource.values()) {
        let before: Opened | null = null;
        for (const next of all.sort((a, b) => a.startT - b.startT)) {
          if (before && next.startT < before.answeredT) continue;
          if (before && next.answeredT - before.startT < next.limitNs) {
            found.returns++;
            if (next.target !== before.target) {
              found.moved++;
              explain(next.row, `answered by ${next.target}, its source's connection before by ${before.target}`);
            }
          }
          before = next;
        }
      }
      return { summary: { sources: found } };
    },
  };
};

export function sourcesFailures({ sources: found }: Judged): Check[] {
  if (!found) return [];
  return [
    [
      found.moved > 0,
      `${count(found.moved)} of ${plural(found.returns, "connection")} ${was(found.moved)} answered by another target than the one before of the same source, which this strategy keeps with its target.`,
    ],
  ];
}

export function sourcesMerits({ sources: found, family, spread }: Judged): string[] {
  if (!found) return [];
  const over = family === "both" && found.families.length === 1 ? ` over IPv${found.families[0]}` : "";
  const all = Object.keys(spread.perTarget).length;
  return [
    `This strategy keeps a source with its target${over}: ${plural(found.bound, "source")}, ${found.targets.length} of ${plural(all, "target")} used${found.targets.length === 1 ? `, ${found.targets[0]}` : ""}.`,
  ];
}
