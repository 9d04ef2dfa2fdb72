// SPDX-License-Identifier: Apache-2.0
// Connections that an attacker chooses so that a hash leads them all to one target, with the balancer's seed or with a guess of it.
import type { Family } from "../record/schema.ts";
import { SOURCES, VIP } from "../topology/topology.ts";
import { addressBytes, type Flow, PROTOCOL } from "./hash.ts";
import { hashFlow, makeOracle, type OracleSpec } from "./oracle.ts";

/** Whether a hash of a flow that can be known from outside chooses its target, of each of these families. */
export const isChosenByHash = (spec: OracleSpec | null, families: readonly Family[]): spec is OracleSpec =>
  spec !== null &&
  families.every((family) => {
    const [src, dst] = [addressBytes(SOURCES[family].split("/")[0] ?? ""), addressBytes(VIP[family])];
    return hashFlow(spec, { src, sport: 1024, dst, dport: 5001, protocol: PROTOCOL.tcp }) !== null;
  });

/** What stands for something that is not known: any number but the right one. */
const GUESS = 0x5eed5eed;
/** So many flows are looked at for each that is wanted, times the number of targets. */
const PATIENCE = 20;

/** The strategy as somebody takes it to be who knows all of it but its seed; one without a seed is no secret. */
export function guessed(spec: OracleSpec): OracleSpec {
  const other = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(other);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [key, key === "seed" ? (Number(one) ^ GUESS) >>> 0 : other(one)]),
    );
  };
  return other(spec) as OracleSpec;
}

/** Whether there is anything in it that an attacker might not know. */
export const hasSeed = (spec: OracleSpec): boolean => JSON.stringify(spec) !== JSON.stringify(guessed(spec));

/**
 * Numbers of `wanted` flows, from `first` on, that lead to the target with this index by what the attacker takes the strategy to be; `flowOf`
 * gives the flow of a number. Fewer where the target gets next to none.
 */
export function flowsTo(
  victim: number,
  belief: OracleSpec,
  { wanted, first, targets, flowOf }: { wanted: number; first: number; targets: number; flowOf: (n: number) => Flow },
): number[] {
  const oracle = makeOracle(belief, [...Array(targets).keys()]);
  const found: number[] = [];
  const last = first + PATIENCE * wanted * targets;
  for (let n = first; n < last && found.length < wanted; n++)
    if (oracle.pick(hashFlow(belief, flowOf(n))) === victim) found.push(n);
  return found;
}
