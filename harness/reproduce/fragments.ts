// SPDX-License-Identifier: Apache-2.0
// nfqlb's table of fragmented packets: entries time out, and stale ones are taken back only where their slot is used again.
import { mulberry32 } from "../util/random.ts";
import { type Figure, overSeeds } from "./figure.ts";

interface TableLoad {
  slots: number;
  /** Further entries for all slots together. */
  spare: number;
  ttlS: number;
  perS: number;
  seconds: number;
}

/** Source and destination of all packets, both zero, and behind them the number of the packet in 64 bits. */
const KEY = { addresses: 32, number: 8 };

/** Bernstein's hash, h * 33 + c from 5381 on, of such a key: numbers in turn lie more evenly than chance would have them. */
export function slotOf(number: number, slots: number): number {
  let hash = 5381;
  for (let i = 0; i < KEY.addresses; i++) hash = Math.imul(hash, 33);
  for (let i = 0; i < KEY.number; i++) hash = (Math.imul(hash, 33) + (i < 4 ? (number >>> (8 * i)) & 255 : 0)) | 0;
  return (hash >>> 0) % slots;
}

/** Percent of the packets for which there was no room. They come at random times, up to two mean intervals apart. */
export function lossOfTable({ slots, spare, ttlS, perS, seconds }: TableLoad, seed: number): number {
  const random = mulberry32(seed);
  /** By slot: when its own entry was made, and those of the spare ones that hang on it. */
  const own = new Float64Array(slots).fill(Number.NEGATIVE_INFINITY);
  const hanging: number[][] = Array.from({ length: slots }, () => []);
  let [used, all, lost] = [0, 0, 0];
  let number = Math.floor(random() * 2 ** 31);
  for (let now = 0; now < seconds; now += (2 * random()) / perS) {
    all++;
    const slot = slotOf(number++, slots);
    const live = (hanging[slot] as number[]).filter((madeS) => now - madeS <= ttlS);
    used += live.length - (hanging[slot] as number[]).length;
    hanging[slot] = live;
    if (now - (own[slot] as number) > ttlS) own[slot] = now;
    else if (used >= spare) lost++;
    else {
      used++;
      live.push(now);
    }
  }
  return (100 * lost) / all;
}

const PUBLISHED = [
  [{ slots: 1999, spare: 1999, ttlS: 0.2, perS: 10_000, seconds: 300 }, 0, "fragtrack.md", 2],
  [{ slots: 499, spare: 100, ttlS: 0.2, perS: 2500, seconds: 20 }, 23.4, "test-functions.md", 5],
] as const;

export const fragments = PUBLISHED.map(
  ([load, paper, file, seeds]): Figure => ({
    name: "nfqlb-fragments",
    what: `packets lost of ${load.perS} a second, table of ${load.slots} slots and ${load.spare} spare, ${load.ttlS * 1000} ms`,
    source: `Nordix/nfqueue-loadbalancer, ${file}: conntrack-test`,
    unit: "%",
    paper,
    simulate: () => overSeeds(seeds, (seed) => lossOfTable(load, seed)),
    lab: "nfqlb's test feeds a table of its own program, without packets; our balancer's table holds fragments otherwise.",
  }),
);
