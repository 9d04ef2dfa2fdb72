// SPDX-License-Identifier: Apache-2.0
// Strategies that look a target up in a table, at the remainder of the hash by its size.

import { type Cells, MOST_CELLS } from "./define.ts";

export interface Slots {
  active: readonly number[];
  /** Slot -> index of the target; empty without targets. */
  slots: ArrayLike<number>;
}

/** Tables of different sizes have their slots again after the least common multiple. null: that is too many. */
export function slotCells(tables: readonly Pick<Slots, "slots">[]): Cells | null {
  const count = tables.reduce((least, { slots }) => leastCommonMultiple(least, slots.length || 1), 1);
  return count > MOST_CELLS ? null : { count, of: (hash) => hash % count, sample: (cell) => cell };
}

function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y > 0) [x, y] = [y, x % y];
  return (a / x) * b;
}

export function pickSlot({ slots }: Slots, hash: number): number | null {
  return slots[hash % slots.length] ?? null;
}

export function slotText({ slots }: Slots, hash: number): string {
  return `slot ${hash % slots.length} of ${slots.length}`;
}

export function sharesOfSlots({ active, slots }: Slots): Map<number, number> {
  const counts = new Float64Array(active.reduce((most, index) => Math.max(most, index + 1), 0));
  for (let i = 0; i < slots.length; i++) (counts[slots[i] as number] as number)++;
  return new Map(active.map((index) => [index, (counts[index] as number) / slots.length]));
}
