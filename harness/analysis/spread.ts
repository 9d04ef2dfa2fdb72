// SPDX-License-Identifier: Apache-2.0

import type { AnalysisModule } from "./part.ts";
import type { Series } from "./series.ts";
import { boundS, hasBoundSources, keyOf } from "./sources.ts";
import { isInTurn } from "./spread-after-events.ts";
import { chiSquareP } from "./statistics.ts";
import type { Timeline } from "./timeline.ts";

/**
 * First connections by target. Later visits of a source say nothing about it: they may be bound to go where the first one went. Where few
 * sources are bound, chance is judged by the first connection of each.
 */
export const spread: AnalysisModule = ({ timeline }) => {
  const perTarget = new Map<string, number>();
  const byChance = hasBoundSources(timeline) ? new Map<string, number>() : perTarget;
  const seen = new Set<string>();
  return {
    established(row) {
      const { connection, stream } = row;
      const { target, generation } = connection;
      if (target === null || generation > 0 || (stream.visit ?? 1) > 1) return;
      // Those that come later are told apart by the events before them.
      if (stream.open && row.opened > 0) return;
      perTarget.set(target, (perTarget.get(target) ?? 0) + 1);
      if (byChance === perTarget) return;
      if (boundS(timeline, stream) > 0 && seen.size === seen.add(keyOf(row)).size) return;
      byChance.set(target, (byChance.get(target) ?? 0) + 1);
    },
    part() {
      const spread = spreadOf(timeline, perTarget);
      const chance = byChance === perTarget ? spread : spreadOf(timeline, byChance);
      const counts = spread.map((s) => s.connections);
      const mean = counts.reduce((sum, n) => sum + n, 0) / Math.max(1, counts.length);
      const active = timeline.stages[0]?.active;
      // Answers of targets that are not active have a check of their own.
      const judged = chance.filter((s) => s.expected !== 0 || active?.has(s.target));
      const byChi2 = chiSquareOf(judged);
      const chi2P = byChi2 !== null && isInStep(timeline, judged) ? 1 : byChi2;
      const predicted = (!timeline.deployed.oracle || timeline.shares !== null) && !sharesTurns(timeline);
      const summary = {
        perTarget: Object.fromEntries(spread.map((s) => [s.target, s.connections])),
        chi2P: mean > 0 && predicted ? chi2P : null,
        maxOverMean: mean > 0 ? Math.max(...counts) / mean : null,
        ...(predicted ? {} : { unpredicted: true as const }),
      };
      const shares = [...(timeline.shares?.values() ?? [1 / Math.max(1, counts.length)])].filter((share) => share > 0);
      const evidence = {
        withoutShare: judged.filter((s) => s.expected === 0 && s.connections > 0),
        smallestShare: shares.length > 0 ? Math.min(...shares) : null,
      };
      // What was expected is for as many connections as chance had a part in.
      const shown = chance === spread ? spread : spread.map((s) => ({ ...s, expected: null }));
      return { summary: { spread: summary }, series: { spread: shown }, evidence };
    },
  };
};

/** Connections that come besides, at a rate of their own, take turns too: in step with the others, they have some targets and the others the rest. */
const sharesTurns = (timeline: Timeline) =>
  isInTurn(timeline) && [...timeline.streams.values()].some(({ arrivals }) => arrivals === true);

function chiSquareOf(judged: Series["spread"]): number | null {
  const mean = judged.reduce((sum, { connections }) => sum + connections, 0) / judged.length;
  return chiSquareP(
    judged.map((s) => s.connections),
    judged.map((s) => s.expected ?? mean),
  );
}

/**
 * Each service (VIP and family) may begin its turns at the same target: then the first ones have one connection more of each service, which
 * is as even as can be, and not what a test for chance expects.
 */
function isInStep(timeline: Timeline, judged: Series["spread"]): boolean {
  const services = new Set([...timeline.streams.values()].map(({ dst }) => dst)).size;
  const isEven = new Set(timeline.shares?.values()).size === 1;
  return (
    isEven &&
    isInTurn(timeline) &&
    judged.every(({ connections, expected }) => {
      // Where fewer are expected one that gets none would look even too.
      return expected !== null && expected > services && Math.abs(connections - expected) <= services;
    })
  );
}

/** All targets that were active at the start stand in it, even those that got none. */
function spreadOf({ stages, shares }: Timeline, perTarget: ReadonlyMap<string, number>): Series["spread"] {
  const total = [...perTarget.values()].reduce((sum, n) => sum + n, 0);
  const names = [...new Set([...(stages[0]?.active ?? []), ...perTarget.keys()])].sort();
  return names.map((target) => ({
    target,
    connections: perTarget.get(target) ?? 0,
    expected: shares ? (shares.get(target) ?? 0) * total : null,
  }));
}
