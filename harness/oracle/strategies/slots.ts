// SPDX-License-Identifier: Apache-2.0
// Strategies that look a target up in a table, at the remainder of the hash by its size.

export interface Slots {
  active: readonly number[];
  /** Slot -> index of the target; empty without targets. */
  slots: ArrayLike<number>;
}

export function pickSlot({ slots }: Slots, hash: number): number | null {
  return slots[hash % slots.length] ?? null;
}

export function sharesOfSlots({ active, slots }: Slots): Map<number, number> {
  const counts = new Map<number, number>(active.map((index) => [index, 0]));
  for (const index of Array.from(slots)) counts.set(index, (counts.get(index) ?? 0) + 1);
  return new Map([...counts].map(([index, n]) => [index, n / slots.length]));
}
