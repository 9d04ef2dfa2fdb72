// SPDX-License-Identifier: Apache-2.0
import type { Family } from "../record/schema.ts";

export interface Place {
  /** null: not known. */
  target: string | null;
  family: Family;
  count: number;
}

/** So much of all is "nearly all", and "most". */
const [NEARLY, MOST] = [0.9, 2 / 3];

/**
 * The end of a sentence about things that happened at these places: ", all from vm-002 over IPv6". Empty when they have no target
 * and no family in common. `bothFamilies`: the run has both, so one is worth a word.
 */
export function whence(places: readonly Place[], preposition: "from" | "to" | "on", bothFamilies: boolean): string {
  const total = places.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return "";
  const target = most(places, ({ target }) => target ?? "", total);
  const family = bothFamilies ? most(places, ({ family }) => `IPv${family}`, total) : null;
  const parts = [
    ...(target && target.name !== "" ? [{ ...target, text: `${preposition} ${target.name}` }] : []),
    ...(family ? [{ ...family, text: `over ${family.name}` }] : []),
  ];
  if (parts.length === 0) return "";
  const least = Math.min(...parts.map(({ count }) => count));
  const share = least === total ? "all" : least >= NEARLY * total ? "nearly all" : "most";
  return `, ${share} ${parts.map(({ text }) => text).join(" ")}`;
}

/** What most have in common. */
function most(places: readonly Place[], of: (place: Place) => string, total: number) {
  const sums = new Map<string, number>();
  for (const place of places) sums.set(of(place), (sums.get(of(place)) ?? 0) + place.count);
  const [name, count] = [...sums].sort(([, a], [, b]) => b - a)[0] ?? ["", 0];
  return count >= MOST * total ? { name, count } : null;
}
