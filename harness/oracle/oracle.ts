// SPDX-License-Identifier: Apache-2.0
// What each strategy should do. An oracle is data, kept in the record, so that every verdict can be derived again from it.
import type { Protocol } from "../record/schema.ts";
import { type FlowHash, hashOf, hashSpace } from "./flow-hash.ts";
import { type Flow, flowKey, murmur3 } from "./hash.ts";
import { type IpvsHash, ipvsKey, ipvsOrder, ipvsScheduler } from "./ipvs.ts";
import { maglevTable } from "./maglev.ts";
import { type Region, regionOf, scaledRegions, thresholdRegions } from "./regions.ts";
import { resilientBuckets } from "./resilient.ts";

/** What nfqueue-lb does. */
export type NfqueueOracle =
  | { strategy: "maglev"; m: number; seed: number; ports: boolean }
  | { strategy: "modulo"; seed: number; ports: boolean };

/** `hash: null` is a hash that nobody can know from outside: then shares are predicted, not connections. Weights default to 1. */
export type OracleSpec = AssignSpec | StatefulSpec;

/** How a target is chosen. */
export type AssignSpec =
  | IpvsHash
  | NfqueueOracle
  | ({ strategy: "hash_threshold"; hash: FlowHash | null } & Pools)
  /** The remainder of the hash by the sum of all weights. */
  | ({ strategy: "remainder"; hash: FlowHash } & Pools)
  | ({ strategy: "scaled"; hash: FlowHash | null } & Pools)
  | ({ strategy: "resilient"; hash: FlowHash | null; buckets: number } & Pools);

/** By target index. */
interface Pools {
  weights?: readonly number[];
  /** Only active targets of the lowest number get new flows. */
  priorities?: readonly number[];
}

/** Connections stay where they are, in each router's memory, whatever becomes of the choice for new ones. */
export interface StatefulSpec extends Pools {
  strategy: "stateful";
  /** Connections of a target that leaves are cut; else they stay as long as they live. */
  flush: boolean;
  /** For so many seconds after its last connection a source gets its target again. */
  affinityS?: number | "always";
  /** How new connections are assigned; null: in turn or at random. */
  assign: AssignSpec | null;
  /**
   * Packets keep their addresses, and only a mark is remembered, for connections of these protocols: another router that
   * chooses the same target carries a connection on. Absent: addresses are rewritten.
   */
  marks?: readonly Protocol[];
  /** A router takes a TCP connection that it does not know for a new one; else it resets it. */
  midstream?: boolean;
  /** Routers tell each other what they remember. */
  shared?: boolean;
  /** How evenly new connections spread depends on how long others last: shares are not predicted. */
  uneven?: boolean;
}

/** What the strategy does while exactly these targets are active. */
export interface Oracle {
  /** Index of the target that gets a new flow with this hash, null when that is not known or there is none. */
  pick(hash: number | null): number | null;
  /** Share of all flows that each active target should get; adds up to 1. Empty: that is not predicted. */
  shares: Map<number, number>;
  /** Where every target's flows lie among all hashes; null where that says nothing. */
  regions: readonly Region[] | null;
  /** Buckets, which are the outcome of all changes so far. */
  buckets: Int32Array | null;
  /** The order in which targets stand, where it follows from all changes so far. */
  order?: readonly number[];
}

/** The hash that `pick` wants: it depends on the flow alone, never on the targets. */
export function hashFlow(spec: OracleSpec, flow: Flow): number | null {
  switch (spec.strategy) {
    case "maglev":
    case "modulo":
      return murmur3(flowKey(flow, spec.ports), spec.seed);
    case "hash_threshold":
    case "remainder":
    case "scaled":
    case "resilient":
      return spec.hash && hashOf(spec.hash, flow);
    case "ipvs":
      return ipvsKey(spec, flow);
    case "stateful":
      return spec.assign && hashFlow(spec.assign, flow);
  }
}

/** `all` are the indices of the active targets; `before` is what was in force until then. */
export function makeOracle(spec: OracleSpec, all: readonly number[], before: Oracle | null = null): Oracle {
  const active = "priorities" in spec ? bestPool(spec.priorities, all) : all;
  switch (spec.strategy) {
    case "maglev":
      return ofSlots(active, maglevTable(active, spec.m, spec.seed));
    case "modulo":
      return ofSlots(
        active,
        [...active].sort((a, b) => a - b),
      );
    case "remainder": {
      const ordered = [...active].sort((a, b) => a - b);
      return ofSlots(
        active,
        ordered.flatMap((index) => Array<number>(weights(spec)(index)).fill(index)),
      );
    }
    case "hash_threshold":
      return ofRegions(spec, active, thresholdRegions(active, weights(spec), hashSpace(spec.hash)));
    case "scaled":
      return ofRegions(spec, active, scaledRegions(active, weights(spec), hashSpace(spec.hash)));
    case "resilient": {
      const buckets = resilientBuckets(active, spec.buckets, weights(spec), before?.buckets ?? null);
      return { ...ofSlots(active, buckets), buckets };
    }
    case "ipvs": {
      const order = ipvsOrder(spec, active, before?.order ?? []);
      const { pick, slots } = ipvsScheduler(spec, order, new Set(active), weights(spec));
      const oracle = { ...ofSlots(active, slots), pick, order };
      // One address is one slot: its shares are all or nothing.
      return spec.scheduler === "dh" ? { ...oracle, shares: new Map() } : oracle;
    }
    case "stateful": {
      if (spec.uneven) return { ...NOTHING, shares: new Map() };
      if (spec.assign) return makeOracle(spec.assign, all, before);
      return { ...NOTHING, shares: sharesByWeight(active, weights(spec)) };
    }
  }
}

const NOTHING = { pick: () => null, regions: null, buckets: null } as const;

function bestPool(priorities: readonly number[] | undefined, active: readonly number[]): number[] {
  const best = Math.min(...active.map((index) => priorities?.[index] ?? 1));
  return active.filter((index) => (priorities?.[index] ?? 1) === best);
}

const weights =
  (spec: { weights?: readonly number[] }): ((index: number) => number) =>
  (index) =>
    spec.weights?.[index] ?? 1;

function sharesByWeight(active: readonly number[], weight: (index: number) => number): Map<number, number> {
  const total = active.reduce((sum, index) => sum + weight(index), 0);
  return new Map(active.map((index) => [index, weight(index) / total]));
}

function ofSlots(active: readonly number[], slots: ArrayLike<number>): Oracle {
  const counts = new Map<number, number>(active.map((index) => [index, 0]));
  for (const index of Array.from(slots)) counts.set(index, (counts.get(index) ?? 0) + 1);
  return {
    ...NOTHING,
    shares: new Map([...counts].map(([index, n]) => [index, n / slots.length])),
    pick: (hash) => (hash === null ? null : (slots[hash % slots.length] ?? null)),
  };
}

function ofRegions(spec: { weights?: readonly number[] }, active: readonly number[], regions: Region[]): Oracle {
  return {
    ...NOTHING,
    regions,
    shares: sharesByWeight(active, weights(spec)),
    pick: (hash) => (hash === null ? null : regionOf(regions, hash)),
  };
}
