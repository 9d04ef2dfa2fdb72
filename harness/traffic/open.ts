// SPDX-License-Identifier: Apache-2.0
// Connections that come and go: each with a start and an end of its own, drawn from the seed before the traffic begins.
import type { Family } from "../record/schema.ts";
import { mulberry32 } from "../util/random.ts";
import type { Lifetimes } from "./lifetimes.ts";

/** What a load is drawn from. */
export interface OpenWords {
  /** Connections a second, by chance (Poisson), or the seconds at which they start, in order. */
  arrivals: number | readonly number[];
  lifetimes: Lifetimes;
  durationS: number;
  families: readonly Family[];
  seed: number;
}

/** Connections of one family by their numbers; microseconds since the traffic began. Starts rise. */
export interface FamilyPlan {
  startUs: Float64Array;
  /** When the last message is due; it may be after the end of the traffic. */
  endUs: Float64Array;
}

/** Part of a load. */
export interface Open {
  /** In the order of the load's families. */
  plans: readonly FamilyPlan[];
  /** Connections that live at the same time at most. */
  peak: number;
  /** Between two messages of one connection. */
  intervalUs: number;
  /** Messages a second, on average, without the last one of each. */
  rate: number;
  /** Of what fails before that nothing is said. */
  warmUpS: number;
}

/** What a record says of it. */
export const openStart = ({ warmUpS, peak }: Open) => ({ warmUpUs: Math.round(warmUpS * 1e6), peak });

/** What comes later has no time for an answer. */
const LAST_START_S = 0.25;

export function drawPlans(words: OpenWords): FamilyPlan[] {
  const { families, durationS, seed, lifetimes } = words;
  return families.map((family, i) => {
    const random = mulberry32(seed * 2 + (family === 4 ? 0 : 1));
    const startUs = Float64Array.from(startsOf(words, i, random), (s) => Math.floor(s * 1e6));
    const mostUs = (durationS + 1) * 1e6;
    const endUs = startUs.map((us) => Math.min(us + Math.round(lifetimes(random) * 1e6), Math.max(us, mostUs)));
    return { startUs, endUs };
  });
}

/** Families take turns at the times of a list. */
function* startsOf({ arrivals, families, durationS }: OpenWords, family: number, random: () => number) {
  const lastS = durationS - LAST_START_S;
  if (typeof arrivals === "number") {
    const perS = arrivals / families.length;
    for (let s = -Math.log1p(-random()) / perS; s < lastS; s += -Math.log1p(-random()) / perS) yield s;
    return;
  }
  for (let i = family; i < arrivals.length; i += families.length) {
    const s = arrivals[i] as number;
    if (s < lastS) yield s;
  }
}

/** Connections that live at the same time at most, and on average while there is traffic. */
export function livingOf(plans: readonly FamilyPlan[], durationS: number): { peak: number; mean: number } {
  let [peak, us] = [0, 0];
  for (const { startUs, endUs } of plans) {
    const ends = endUs.slice().sort();
    let [gone, most] = [0, 0];
    for (const [i, start] of startUs.entries()) {
      while ((ends[gone] as number) < start) gone++;
      most = Math.max(most, i + 1 - gone);
      us += Math.min(endUs[i] as number, durationS * 1e6) - start;
    }
    peak += most;
  }
  return { peak, mean: us / 1e6 / durationS };
}

/** As the traffic program reads it: two numbers of 64 bits for each connection, little endian. */
export function planBytes({ startUs, endUs }: FamilyPlan): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(startUs.length * 16));
  for (const [i, start] of startUs.entries()) {
    bytes.setBigUint64(i * 16, BigInt(start), true);
    bytes.setBigUint64(i * 16 + 8, BigInt(endUs[i] as number), true);
  }
  return new Uint8Array(bytes.buffer);
}
