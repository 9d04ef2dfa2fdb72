// SPDX-License-Identifier: Apache-2.0
// IPVS' schedulers that hash, written from what they do: the kernel's keys are constants, so every new connection is known.
import type { Flow } from "./hash.ts";
import { SIPHASH_1_3, siphash32 } from "./siphash.ts";

export interface IpvsHash {
  strategy: "ipvs";
  /** Source hashing, Maglev, destination hashing. */
  scheduler: "sh" | "mh" | "dh";
  /** The source port is hashed too. */
  ports: boolean;
  /** Where the target found is drained, others are tried. */
  fallback: boolean;
  /** Targets that leave stay in the tables, with weight 0; else they are removed. */
  drain: boolean;
  /** One service for a firewall mark, whose targets have no port of their own. */
  fwmark: boolean;
  /** Slots of Maglev's table (CONFIG_IP_VS_MH_TAB_INDEX). */
  size: number;
  /** Of the targets, by index. */
  addresses: readonly { 4: readonly number[]; 6: readonly number[] }[];
  weights?: readonly number[];
}

const TABLE_BITS = 8;
const GOLDEN_RATIO = 0x61c88647;
/** Keys of Maglev's two hashes; the first also finds the slot. The upper halves of the 64 bits are 0. */
const MH_KEYS = [2_654_435_761, 2_654_446_892] as const;
/** A target has at most so many turns (as bits) in a row when Maglev's table is filled. */
const MH_TURN_BITS = 6;

/** What is hashed, and of which service: address and port added up, the family, the service's port, packed into one number. */
export function ipvsKey(spec: IpvsHash, flow: Flow): number {
  const v4 = isMapped(flow.dst);
  const address = spec.scheduler === "dh" ? flow.dst : flow.src;
  const sum =
    (fold(v4 ? address.subarray(12) : address) + (spec.ports && spec.scheduler !== "dh" ? flow.sport : 0)) >>> 0;
  return sum + (Number(!v4) + 2 * (spec.fwmark ? 0 : flow.dport)) * 2 ** 32;
}

/** A target that is added comes to the front of the kernel's list; its place decides much. */
export function ipvsOrder(spec: IpvsHash, active: readonly number[], before: readonly number[]): number[] {
  const kept = spec.drain ? before : before.filter((index) => active.includes(index));
  const added = active.filter((index) => !before.includes(index)).sort((a, b) => b - a);
  return [...added, ...kept];
}

/** `slots` are the targets by slot of one service's table, for their shares. */
export function ipvsScheduler(
  spec: IpvsHash,
  order: readonly number[],
  active: ReadonlySet<number>,
  weight: (index: number) => number,
): { pick: (key: number | null) => number | null; slots: number[] } {
  const tables = new Map<number, number[]>();
  const tableOf = (service: number) => {
    const known = tables.get(service) ?? makeTable(spec, order, active, weight, service);
    tables.set(service, known);
    return known;
  };
  const slot = (sum: number, offset: number, size: number) =>
    spec.scheduler === "mh" ? mhHash((sum + offset) >>> 0, MH_KEYS[0]) % size : (hash32(sum) + offset) % size;
  return {
    slots: tableOf(0).filter((index) => active.has(index)),
    pick(key) {
      if (key === null) return null;
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

function makeTable(
  spec: IpvsHash,
  order: readonly number[],
  active: ReadonlySet<number>,
  weight: (index: number) => number,
  service: number,
): number[] {
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
  { size, addresses }: IpvsHash,
  order: readonly number[],
  weight: (index: number) => number,
  service: number,
): number[] {
  const [family, port] = [service % 2 === 0 ? 4 : 6, Math.floor(service / 2)] as const;
  const divisor = order.map(weight).reduce(gcd);
  const most = Math.max(...order.map(weight)) / divisor;
  const shift = Math.max(0, 32 - Math.clz32(most) - MH_TURN_BITS);
  const setups = order.map((index) => {
    const sum = (fold(addresses[index]?.[family] ?? []) + port) >>> 0;
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
const isMapped = (bytes: Uint8Array) =>
  bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((b) => b === 0);

/** The address as one number; of IPv6 the four words of 32 bits xored. */
function fold(bytes: ArrayLike<number>): number {
  let folded = 0;
  for (let i = 0; i < bytes.length; i++) folded ^= (bytes[i] ?? 0) << (8 * (3 - (i % 4)));
  return folded >>> 0;
}
