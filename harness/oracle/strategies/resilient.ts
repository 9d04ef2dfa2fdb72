// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { addressBytes, type Flow, isIpv4 } from "../hash.ts";
import { flowHash, hashesSourcesOnly, hashOf, hashSpace } from "../hashes/index.ts";
import type { Alive, Change } from "../loss.ts";
import { type Buckets, rebalance } from "./buckets.ts";
import { defineStrategy } from "./define.ts";
import { poolInUse, pools, weightsOf } from "./pools.ts";
import { sharesOfSlots, slotCells } from "./slots.ts";

/**
 * Resilient next-hop groups of Linux: the hash chooses a bucket, and only buckets of targets that leave move, and idle ones. Each
 * family has a group of its own; the buckets of IPv6 come after those of IPv4.
 */
export const resilient = defineStrategy({
  schema: z.strictObject({
    strategy: z.literal("resilient"),
    hash: flowHash.nullable(),
    buckets: z.number().int().positive(),
    /** Seconds without a packet after which a bucket may move. Absent: it never may. */
    idleTimerS: z.number().positive().optional(),
    ...pools,
  }),
  hash({ hash, buckets }, flow) {
    const value = hash && hashOf(hash, flow);
    return value === null ? null : (value % buckets) + (isIpv4(flow) ? 0 : buckets);
  },
  space: ({ hash, buckets }) => (hash ? 2 * buckets : hashSpace(hash)),
  needsUse: true,
  state(spec, targets, before: State | null, use): State {
    const { buckets, idleTimerS, hash } = spec;
    const group = { active: poolInUse(spec, targets), buckets, weight: weightsOf(spec), idleTimerS };
    const families = NOWHERE.map((flow, family) => {
      const known = use && hash && hashOf(hash, flow) !== null;
      const own = known && {
        ...use,
        lastSent: (bucket: number, t: number) => use.lastSent(family * buckets + bucket, t),
      };
      return rebalance(group, before?.families[family] ?? null, own || null);
    });
    const both = (key: "slots" | "later") => families.flatMap((family) => [...family[key]]);
    const byTimer = families.some((family) => family.byTimer);
    return { active: group.active, families, byTimer, slots: both("slots"), later: both("later") };
  },
  pick: ({ byTimer, slots }, hash) => (byTimer ? null : (slots[hash % slots.length] ?? null)),
  entries: ({ slots }) => slots,
  cells: (_, states) => slotCells(states),
  shares({ active, families, byTimer }) {
    if (byTimer) return new Map();
    const heard = families.filter(({ silent }) => !silent);
    const slots = (heard.length > 0 ? heard : families).flatMap((family) => [...family.slots]);
    return sharesOfSlots({ active, slots });
  },
  loss: (_, change, connection) => lossAt(change, connection),
  lossBounds(_, change, connection) {
    const loss = lossAt(change, connection);
    return change.after.state.byTimer && connection.hash !== null ? [0, 1] : [loss, loss];
  },
  affinityS: ({ hash }, family) => (hash && hashesSourcesOnly(hash, family) ? Number.POSITIVE_INFINITY : 0),
  simulation: {
    spec: (buckets) => ({ strategy: "resilient" as const, hash: null, buckets }),
    keys: "slots",
  },
});

/** How far a prediction is from certainty that hangs on the timer. */
const UNSURE = 0.05;

function lossAt({ before, after }: Change<State>, { hash, target, lived }: Alive<State>): number {
  const [then, now] = [before.state, after.state];
  if (hash !== null) {
    const stays = then.later[hash % then.later.length] === now.slots[hash % now.slots.length];
    return Math.abs((stays ? 0 : 1) - (now.byTimer ? UNSURE : 0));
  }
  if (target === null) return 0;
  // Nothing is known of IPv6, or of either family: then both have the same buckets.
  const ofIpv6 = [...now.slots.keys()].slice(now.slots.length / 2);
  const own = ofIpv6.filter((i) => lived.every(({ state }) => state.slots[i] === target));
  return own.filter((i) => now.slots[i] !== target).length / Math.max(1, own.length);
}

interface State {
  byTimer: boolean;
  active: readonly number[];
  families: readonly Buckets[];
  /** Of both families: once it is in force, and before the next change. */
  slots: readonly number[];
  later: readonly number[];
}

/** A flow of each family: whether its hash can be known. */
const NOWHERE: readonly Flow[] = ["0.0.0.0", "::"].map((text) => {
  const address = addressBytes(text);
  return { src: address, dst: address, sport: 0, dport: 0, protocol: 0 };
});
