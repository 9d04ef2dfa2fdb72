// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { murmur3 } from "../hash.ts";
import { seed } from "../hashes/seed.ts";
import { defineStrategy } from "./define.ts";
import { keyHash, sctp } from "./key-hash.ts";
import { weightsOf } from "./pools.ts";
import { pickSlot, type Slots, sharesOfSlots, slotCells, slotText } from "./slots.ts";

const ALWAYS = Number.POSITIVE_INFINITY;
const EMPTY = 0xffff;

/** The Maglev table of nfqueue-lb and xdp-lb, with `m` slots. */
export const maglev = defineStrategy({
  schema: z.strictObject({
    strategy: z.literal("maglev"),
    m: z.number().int().positive(),
    seed,
    ports: z.boolean(),
    sctp,
    /** By target index; absent: all 1. */
    weights: z.array(z.int().min(1)).readonly().optional(),
  }),
  hash: keyHash,
  state: (spec, active): Slots => ({ active, slots: maglevTable(active, spec.m, spec.seed, weightsOf(spec)) }),
  pick: pickSlot,
  slot: slotText,
  entries: ({ slots }) => slots,
  cells: (_, states) => slotCells(states),
  shares: sharesOfSlots,
  affinityS: ({ ports }) => (ports ? 0 : ALWAYS),
  simulation: {
    spec: (m, seed) => ({ strategy: "maglev" as const, m, seed, ports: true }),
    keys: "slots",
    prime: true,
    show: ({ m, seed }, targets) => show(m, targets, seed),
  },
});

export interface Walk {
  offset: number;
  skip: number;
}

const EQUAL = () => 1;

/** Where target `index` starts in a table of size `m`, and how it steps: two independent hashes, as the paper asks. */
export function maglevWalk(index: number, m: number, seed: number): Walk {
  const name = Uint8Array.of(index & 255, (index >> 8) & 255, (index >> 16) & 255, index >>> 24);
  return {
    offset: murmur3(name, (seed ^ 0x6f666673) >>> 0) % m,
    skip: (murmur3(name, (seed ^ 0x736b6970) >>> 0) % (m - 1)) + 1,
  };
}

/**
 * The lookup table of the Maglev paper (Eisenbud et al., NSDI 2016, section 3.4): slot -> index of the target.
 * `active` are target indices; they take turns in rising order, in proportion to their weights. Empty when none is active.
 */
export function maglevTable(
  active: readonly number[],
  m: number,
  seed: number,
  weight: (index: number) => number = EQUAL,
): Uint16Array {
  const ordered = [...active].sort((a, b) => a - b);
  return populate(
    ordered.map((index) => ({ index, weight: weight(index), ...maglevWalk(index, m, seed) })),
    m,
  );
}

/**
 * The population loop on its own, for walks that come from elsewhere. After k rounds a target has had ceil(k * weight / most) turns,
 * `most` being the greatest weight: who has that takes one in each.
 */
export function populate(targets: readonly (Walk & { index: number; weight?: number })[], m: number): Uint16Array {
  const table = new Uint16Array(targets.length === 0 ? 0 : m).fill(EMPTY);
  const cursors = targets.map((t) => t.offset);
  const most = targets.reduce((max, { weight = 1 }) => Math.max(max, weight), 1);
  const turns = targets.map(() => 0);
  for (let filled = 0, round = 0; filled < table.length; round++) {
    for (const [turn, target] of targets.entries()) {
      const had = turns[turn] as number;
      if (round * (target.weight ?? 1) < had * most) continue;
      turns[turn] = had + 1;
      let slot = cursors[turn] ?? 0;
      while (table[slot] !== EMPTY) slot = (slot + target.skip) % m;
      table[slot] = target.index;
      cursors[turn] = (slot + target.skip) % m;
      if (++filled === table.length) break;
    }
  }
  return table;
}

/** Permutations as slots in order of preference, and the lookup table with and without the first target. */
function show(m: number, targets: number, seed: number): string[] {
  const all = Array.from({ length: targets }, (_, i) => i);
  const words = (values: ArrayLike<number>) => Array.from(values).join(" ");
  return [
    ...all.map((i) => {
      const { offset, skip } = maglevWalk(i, m, seed);
      return `permutation of ${i}: ${words(Array.from({ length: m }, (_, j) => (offset + j * skip) % m))}`;
    }),
    `table:            ${words(maglevTable(all, m, seed))}`,
    ...(targets > 1 ? [`table without 0:  ${words(maglevTable(all.slice(1), m, seed))}`] : []),
    "",
  ];
}
