// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import type { Alive, Change } from "../loss.ts";
import { defineStrategy, type Oracle } from "./define.ts";
import { affinityS, assignSpec, cellsOf, hashFlow, makeOracle, simulationOf } from "./registry.ts";

const schema = z.strictObject({
  strategy: z.literal("jet"),
  /** The consistent hash below it. */
  over: z.lazy(() => assignSpec) as unknown as z.ZodType<{ strategy: string; [key: string]: unknown }>,
  /** Targets that it knows, by index from 0: those that are not in use may come. */
  known: z.int().min(1),
  /** So many of them at most are expected, who left first. Absent: all. */
  horizon: z.int().min(0).optional(),
});

interface Tracking {
  working: Oracle;
  /** What would be in force if all came that are expected. */
  whole: Oracle;
  /** Not in use, in the order in which they may come. */
  waiting: readonly number[];
}

/**
 * Just enough tracking (Mendelson et al., Load Balancing with JET, CoNEXT 2021, algorithm 1): connections are tracked whose target would
 * be another one if all targets came that are expected; the others need no memory. A table that holds all that have to be in it.
 */
export const jet = defineStrategy({
  schema,
  hash: ({ over }, flow) => hashFlow(over, flow),
  chooses: ({ over }) => over,
  state({ over, known, horizon }, active, before: Tracking | null): Tracking {
    const inUse = new Set(active);
    const all = Array.from({ length: known }, (_, i) => i);
    const waited = before?.waiting ?? [];
    const left = all.filter((index) => !inUse.has(index) && !waited.includes(index));
    const waiting = [...waited.filter((index) => !inUse.has(index)), ...left];
    const working = makeOracle(over, active, before?.working);
    const expected = waiting.slice(0, horizon ?? waiting.length);
    return { working, whole: makeOracle(over, [...active, ...expected], working), waiting };
  },
  pick: ({ working }, hash) => working.pick(hash),
  entries: ({ working }) => (working.state as { slots?: ArrayLike<number> }).slots ?? null,
  cells: ({ over }, states) =>
    cellsOf(
      over,
      states.flatMap(({ working, whole }) => [working, whole]),
    ),
  shares: ({ working }) => working.shares,
  loss: (_, change, connection) => lossAt(change, connection),
  affinityS: ({ over }, family) => affinityS(over, family),
  simulation: {
    options: z.strictObject({
      over: z
        .enum(["anchor", "maglev", "rendezvous", "ring", "dx"])
        .default("anchor")
        .describe("the consistent hash below it"),
      horizon: z.coerce.number().int().min(0).optional().describe("targets that may come next, who left first (all)"),
    }),
    spec(slots, seed, targets, given) {
      const { over = "anchor", horizon } = given as { over?: string; horizon?: number };
      const below = simulationOf(over).spec(slots, seed, targets, {});
      return { strategy: "jet" as const, over: below, known: targets, ...(horizon === undefined ? {} : { horizon }) };
    },
    keys: "hashes",
  },
});

/** Tracked since a packet came while it was not safe, or else chosen for anew. Each connection sends between any two changes. */
function lossAt(
  { before, after, activeBefore, activeAfter }: Change<Tracking>,
  { hash, target, lived }: Alive<Tracking>,
): number {
  if (hash === null || target === null) return 0;
  if (activeBefore.has(target) && !activeAfter.has(target)) return 1;
  const isTracked = lived.some(({ state: { working, whole } }) => working.pick(hash) !== whole.pick(hash));
  return isTracked || before.pick(hash) === after.pick(hash) ? 0 : 1;
}
