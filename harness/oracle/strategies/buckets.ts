// SPDX-License-Identifier: Apache-2.0
// Buckets of a resilient next-hop group, as net/ipv4/nexthop.c moves them.
import type { Use } from "./define.ts";

export interface Group {
  /** Indices of its members. */
  active: readonly number[];
  buckets: number;
  weight: (index: number) => number;
  /** undefined: never. */
  idleTimerS: number | undefined;
}

export interface Buckets {
  /** Bucket -> index once the members have changed, and before the next change: idle ones move in between. Empty without members. */
  slots: Int32Array;
  later: Int32Array;
  /** When each bucket moved last. */
  movedT: Float64Array;
  /** The timer has moved some, or may have: packets that come a moment earlier or later change who moves. */
  byTimer: boolean;
  /** No packet comes to any of them. */
  silent: boolean;
}

/** NH_RES_UPKEEP_DW_MINIMUM_INTERVAL: between two looks for buckets that have fallen idle. */
const UPKEEP_NS = 0.5e9;

/**
 * What becomes of them when the members change. Buckets of members that stay are kept; free ones go to the members that have
 * too few, the last in the list first, and so do idle ones of members that have too many. A bucket is idle that sent nothing since
 * it moved, or for the time of the timer. Without `use` none is idle; without `before` all are free.
 */
export function rebalance(group: Group, before: Buckets | null, use: Use | null): Buckets {
  const none = new Int32Array(0);
  const fromT = use?.fromT ?? 0;
  const silent = use !== null && ![...Array(group.buckets).keys()].some((i) => use.lastSent(i, use.untilT) !== null);
  if (group.active.length === 0)
    return { slots: none, later: none, movedT: new Float64Array(0), byTimer: false, silent };
  const table = new Table(group, before, fromT);
  let nextT = table.upkeep(fromT, use);
  const slots = table.owners.slice();
  while (use && group.idleTimerS !== undefined && !table.isBalanced && nextT < use.untilT)
    nextT = table.upkeep(nextT, use);
  const byTimer = table.byTimer || (before?.byTimer ?? false);
  return { slots, later: table.owners, movedT: table.movedT, byTimer, silent };
}

class Table {
  /** -1: free. */
  readonly owners: Int32Array;
  readonly movedT: Float64Array;
  byTimer = false;
  readonly #idleNs: number;
  /** By member: how many more buckets it should have; negative: fewer. */
  readonly #lacks: Map<number, number>;
  /** Members that have too few. */
  readonly #queue: number[];

  constructor({ active, buckets, weight, idleTimerS }: Group, before: Buckets | null, fromT: number) {
    const ordered = [...active].sort((a, b) => a - b);
    const members = new Set(ordered);
    this.owners = new Int32Array(buckets).map((_, i) => {
      const owner = before?.later[i] ?? -1;
      return members.has(owner) ? owner : -1;
    });
    this.movedT = new Float64Array(buckets).map((_, i) => before?.movedT[i] ?? fromT);
    this.#idleNs = (idleTimerS ?? Number.POSITIVE_INFINITY) * 1e9;
    this.#lacks = wanted(ordered, buckets, weight);
    for (const owner of this.owners) this.#lacks.set(owner, (this.#lacks.get(owner) ?? 0) - 1);
    this.#queue = ordered.filter((index) => (this.#lacks.get(index) ?? 0) > 0).reverse();
  }

  get isBalanced(): boolean {
    return this.#queue.length === 0;
  }

  /** Moves what may move at that time, and returns when something may move next. */
  upkeep(t: number, use: Use | null): number {
    let deadline = t + this.#idleNs;
    for (let i = 0; i < this.owners.length; i++) {
      const owner = this.owners[i] as number;
      if (owner !== -1 && (this.#lacks.get(owner) ?? 0) >= 0) continue;
      const idleT = owner === -1 ? t : this.#idleT(i, t, use);
      if (idleT <= t) this.#move(i, t);
      else deadline = Math.min(deadline, idleT);
    }
    return Math.max(deadline, t + UPKEEP_NS);
  }

  /** nh_res_bucket_idle_point */
  #idleT(bucket: number, t: number, use: Use | null): number {
    if (!use) return Number.POSITIVE_INFINITY;
    const sentT = use.lastSent(bucket, t);
    if (sentT === null || sentT <= (this.movedT[bucket] as number)) return t;
    if (sentT + this.#idleNs <= t + UPKEEP_NS) this.byTimer = true;
    return sentT + this.#idleNs;
  }

  #move(bucket: number, t: number): void {
    const [to] = this.#queue;
    if (to === undefined) return;
    const from = this.owners[bucket] as number;
    this.#lacks.set(from, (this.#lacks.get(from) ?? 0) + 1);
    const lacks = (this.#lacks.get(to) ?? 0) - 1;
    this.#lacks.set(to, lacks);
    if (lacks === 0) this.#queue.shift();
    this.owners[bucket] = to;
    this.movedT[bucket] = t;
  }
}

/** Buckets that each member should have: nh_res_group_rebalance. */
function wanted(ordered: readonly number[], buckets: number, weight: (index: number) => number): Map<number, number> {
  const total = ordered.reduce((sum, index) => sum + weight(index), 0);
  let [sum, from] = [0, 0];
  return new Map(
    ordered.map((index) => {
      sum += weight(index);
      const to = Math.floor((buckets * sum + Math.floor(total / 2)) / total);
      const wants = to - from;
      from = to;
      return [index, wants];
    }),
  );
}
