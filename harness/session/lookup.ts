// SPDX-License-Identifier: Apache-2.0
// Where a new connection would go now, and what a change would make of it: the oracle of the deployed balancer, asked for one flow. Pure.
import { isIP } from "node:net";
import { z } from "zod";
import { addressBytes, type Flow, PROTOCOL } from "../oracle/hash.ts";
import { lossProbability } from "../oracle/loss.ts";
import { hashFlow, makeOracle, type Oracle, type OracleSpec } from "../oracle/oracle.ts";
import { endpointParts } from "../plan/option.ts";
import type { Protocol } from "../record/schema.ts";
import { VIP } from "../topology/topology.ts";
import { PORT } from "../traffic/servers.ts";
import { UsageError } from "../util/errors.ts";

export type Endpoint = z.infer<typeof endpointParts>;

/** `without`: numbers of targets. */
export const lookupQuery = z.object({
  source: endpointParts,
  destination: endpointParts.optional(),
  protocol: z.enum(["tcp", "udp", "sctp"]),
  without: z.array(z.int()),
});
export type LookupQuery = z.infer<typeof lookupQuery>;

/** `shares`: of the flows, where turn, chance or a secret hash decides, so that no target is known. */
interface Place {
  target: string | null;
  slot: string | null;
  shares: Record<string, number>;
}
export interface LookupAnswer {
  flow: { source: Endpoint; destination: Endpoint; protocol: Protocol };
  now: Place;
  /** `lost`: probability that a connection which is open now does not survive. */
  after?: Place & { without: string[]; lost: number };
}

/** What the balancer was told so far: sets of indices of targets, the last one in force. */
export interface Told {
  spec: OracleSpec;
  names: readonly string[];
  history: readonly (readonly number[])[];
}

/** Throws UsageError when the query does not fit the lab. */
export function lookUp({ spec, names, history }: Told, query: LookupQuery): LookupAnswer {
  const { source, protocol } = query;
  const family = isIP(source.address) === 6 ? 6 : 4;
  const destination = query.destination ?? { address: VIP[family], port: PORT.stream[protocol] };
  if (isIP(destination.address) !== family)
    throw new UsageError(`'${source.address}' and '${destination.address}' are not of one address family.`);
  const flow: Flow = {
    src: addressBytes(source.address),
    sport: source.port,
    dst: addressBytes(destination.address),
    dport: destination.port,
    protocol: PROTOCOL[protocol],
  };
  const hash = hashFlow(spec, flow);
  const place = (oracle: Oracle): Place => {
    const target = oracle.pick(hash);
    const shares = target === null ? [...oracle.shares] : [];
    return {
      target: target === null ? null : (names[target] ?? null),
      slot: oracle.slot?.(hash) ?? null,
      shares: Object.fromEntries(shares.map(([index, share]) => [names[index] ?? `${index}`, share])),
    };
  };
  const before = history.reduce<Oracle | null>((old, active) => makeOracle(spec, active, old), null);
  if (!before) throw new Error("A lab that was told nothing.");
  const answer: LookupAnswer = { flow: { source, destination, protocol }, now: place(before) };
  if (query.without.length === 0) return answer;
  const active = history.at(-1) ?? [];
  const wrong = query.without.find((number) => !active.includes(number - 1));
  if (wrong !== undefined) throw new UsageError(`No target ${wrong} is in use.`);
  const rest = active.filter((index) => !query.without.includes(index + 1));
  const after = makeOracle(spec, rest, before);
  const leaving = { subject: "targets", effect: "leave", announced: true, reroutedShare: 0 } as const;
  const change = { ...leaving, before, after, activeBefore: new Set(active), activeAfter: new Set(rest) };
  const alive = { protocol, hash, target: before.pick(hash), lived: [before], knownToReturning: true };
  const without = query.without.map((number) => names[number - 1] ?? `${number}`);
  return { ...answer, after: { ...place(after), without, lost: lossProbability(spec, change, alive) } };
}
