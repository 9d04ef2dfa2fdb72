// What each strategy should do. An oracle is data, kept in the record, so that every verdict can be derived again from it.
import { type Flow, flowKey, murmur3 } from "./hash.ts";
import { maglevTable } from "./maglev.ts";

export type OracleSpec =
  | { strategy: "maglev"; m: number; seed: number; ports: boolean }
  | { strategy: "modulo"; seed: number; ports: boolean };

/** What the strategy does while exactly these targets are active. */
export interface Oracle {
  /** Index of the target that gets a flow with this hash, null when there is none. */
  pick(hash: number): number | null;
  /** Share of all flows that each active target should get; adds up to 1. */
  shares: Map<number, number>;
}

/** The hash that `pick` wants: it depends on the flow alone, never on the targets. */
export function hashFlow(spec: OracleSpec, flow: Flow): number {
  return murmur3(flowKey(flow, spec.ports), spec.seed);
}

/** `active` are target indices from 0. */
export function makeOracle(spec: OracleSpec, active: readonly number[]): Oracle {
  const slots = slotsOf(spec, active);
  const counts = new Map<number, number>(active.map((index) => [index, 0]));
  for (const index of slots) counts.set(index, (counts.get(index) ?? 0) + 1);
  return {
    shares: new Map([...counts].map(([index, n]) => [index, n / slots.length])),
    pick: (hash) => slots[hash % slots.length] ?? null,
  };
}

function slotsOf(spec: OracleSpec, active: readonly number[]): Uint16Array {
  switch (spec.strategy) {
    case "maglev":
      return maglevTable(active, spec.m, spec.seed);
    case "modulo":
      return Uint16Array.from([...active].sort((a, b) => a - b));
  }
}
