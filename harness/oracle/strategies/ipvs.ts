// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { foldWords, ipvs as ipvsHash } from "../hashes/ipvs.ts";
import { SIPHASH_1_3, siphash32 } from "../hashes/siphash.ts";
import { defineStrategy } from "./define.ts";
import { weightsOf } from "./pools.ts";
import { sharesOfSlots } from "./slots.ts";

const bytes = z.array(z.number().int().min(0).max(255)).readonly();
const schema = z.strictObject({
  strategy: z.literal("ipvs"),
  /** Source hashing, Maglev, destination hashing. */
  scheduler: z.enum(["sh", "mh", "dh"]),
  /** The source port is hashed too. */
  ports: z.boolean(),
  /** Where the target found is drained, others are tried. */
  fallback: z.boolean(),
  /** Targets that leave stay in the tables, with weight 0; else they are removed. */
  drain: z.boolean(),
  /** One service for a firewall mark, whose targets have no port of their own. */
  fwmark: z.boolean(),
  /** Slots of Maglev's table (CONFIG_IP_VS_MH_TAB_INDEX). */
  size: z.number().int().min(2),
  /** Of the targets, by index. */
  addresses: z.array(z.strictObject({ 4: bytes, 6: bytes })).readonly(),
  weights: z.array(z.number().nonnegative()).readonly().optional(),
});
export type IpvsSpec = z.infer<typeof schema>;

/** IPVS' schedulers that hash, written from what they do: the kernel's keys are constants, so every new connection is known. */
export const ipvs = defineStrategy({
  schema,
  hash: ({ scheduler, ports, fwmark }, flow) => {
    const address = scheduler === "dh" ? "destination" : "source";
    return ipvsHash.of({ kind: "ipvs", address, ports: ports && scheduler !== "dh", fwmark }, flow);
  },
  // Of one service; the bits above say which.
  space: () => 2 ** 32,
  state(spec, active, before: State | null): State {
    const order = ipvsOrder(spec, active, before?.order ?? []);
    const { pick, slots } = ipvsScheduler(spec, order, new Set(active), weightsOf(spec));
    // One address is one slot of destination hashing: its shares are all or nothing.
    const shares = spec.scheduler === "dh" ? new Map<number, number>() : sharesOfSlots({ active, slots });
    return { order, pick, shares };
  },
  pick: (state, hash) => state.pick(hash),
  shares: ({ shares }) => shares,
  affinityS: ({ ports }) => (ports ? 0 : Number.POSITIVE_INFINITY),
  simulation: {
    spec: (size, seed, targets) => ({
      strategy: "ipvs" as const,
      scheduler: "mh" as const,
      ports: true,
      fallback: false,
      drain: false,
      fwmark: true,
      size,
      // The kernel's keys are constants: another seed is other addresses.
      addresses: Array.from({ length: targets }, (_, i) => ({ 4: [10, seed & 255, i >> 8, i & 255], 6: [] })),
    }),
    keys: "hashes",
    prime: true,
  },
});

interface State {
  /** Of the kernel's list of targets, which is the outcome of all changes so far. */
  order: readonly number[];
  pick(hash: number): number | null;
  shares: ReadonlyMap<number, number>;
}

const TABLE_BITS = 8;
const GOLDEN_RATIO = 0x61c88647;
/** Keys of Maglev's two hashes; the first also finds the slot. The upper halves of the 64 bits are 0. */
const MH_KEYS = [2_654_435_761, 2_654_446_892] as const;
/** A target has at most so many turns (as bits) in a row when Maglev's table is filled. */
const MH_TURN_BITS = 6;

/** A target that is added comes to the front of the kernel's list; its place decides much. */
export function ipvsOrder(spec: IpvsSpec, active: readonly number[], before: readonly number[]): number[] {
  const kept = spec.drain ? before : before.filter((index) => active.includes(index));
  const added = active.filter((index) => !before.includes(index)).sort((a, b) => b - a);
  return [...added, ...kept];
}

/** `slots` are the targets by slot of one service's table, for their shares. */
export function ipvsScheduler(
  spec: IpvsSpec,
  order: readonly number[],
  active: ReadonlySet<number>,
  weight: (index: number) => number,
): { pick: (key: number) => number | null; slots: number[] } {
  const tables = new Map<number, number[]>();
  const tableOf = (service: number) => {
    const known = tables.get(service) ?? makeTable({ spec, order, active, weight }, service);
    tables.set(service, known);
    return known;
  };
  const slot = (sum: number, offset: number, size: number) =>
    spec.scheduler === "mh" ? mhHash((sum + offset) >>> 0, MH_KEYS[0]) % size : (hash32(sum) + offset) % size;
  return {
    slots: tableOf(0).filter((index) => active.has(index)),
    pick(key) {
      const sum = key % 2 ** 32;
      const table = tableOf(Math.floor(key / 2 ** 32));
      const first = slot(sum, 0, table.length);
      const found = table[first];
      if (found === undefined || active.has(found)) return found ?? null;
      for (let i = 0; spec.fallback && i < table.length; i++) {
        const next = table[slot(sum, (i + first) % table.length, table.length)];
        if (next !== undefined && active.has(next)) return next;
      }
      return null;
    },
  };
}

interface Destinations {
  spec: IpvsSpec;
  order: readonly number[];
  active: ReadonlySet<number>;
  weight: (index: number) => number;
}

function makeTable({ spec, order, active, weight }: Destinations, service: number): number[] {
  if (order.length === 0) return [];
  switch (spec.scheduler) {
    case "mh":
      return mhTable(spec, order, weight, service);
    case "sh":
      // A drained target still takes one slot at each turn.
      return inTurn(order, (index) => (active.has(index) ? weight(index) : 1));
    case "dh":
      return inTurn(order, () => 1);
  }
}

function inTurn(order: readonly number[], slots: (index: number) => number): number[] {
  const round = order.flatMap((index) => Array.from({ length: slots(index) }, () => index));
  return Array.from({ length: 1 << TABLE_BITS }, (_, i) => round[i % round.length] ?? 0);
}

/** Maglev's: each target in turn takes the next free slot of its own permutation, as often in a row as its weight says. */
function mhTable(
  { size, addresses }: IpvsSpec,
  order: readonly number[],
  weight: (index: number) => number,
  service: number,
): number[] {
  const [family, port] = [service % 2 === 0 ? 4 : 6, Math.floor(service / 2)] as const;
  const divisor = order.map(weight).reduce(gcd);
  const most = Math.max(...order.map(weight)) / divisor;
  const shift = Math.max(0, 32 - Math.clz32(most) - MH_TURN_BITS);
  const setups = order.map((index) => {
    const sum = (foldWords(addresses[index]?.[family] ?? []) + port) >>> 0;
    return {
      index,
      at: mhHash(sum, MH_KEYS[0]) % size,
      skip: (mhHash(sum, MH_KEYS[1]) % (size - 1)) + 1,
      turns: (weight(index) / divisor) >> shift || 1,
    };
  });
  const table = Array.from({ length: size }, () => -1);
  for (let filled = 0; ; )
    for (const setup of setups)
      for (let turn = 0; turn < setup.turns; turn++) {
        while (table[setup.at] !== -1) setup.at = (setup.at + setup.skip) % size;
        table[setup.at] = setup.index;
        if (++filled === size) return table;
      }
}

function mhHash(value: number, key: number): number {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return siphash32(bytes, key, 0, SIPHASH_1_3);
}

const hash32 = (value: number) => Math.imul(value, GOLDEN_RATIO) >>> (32 - TABLE_BITS);
const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
