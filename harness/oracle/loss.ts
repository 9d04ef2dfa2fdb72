// SPDX-License-Identifier: Apache-2.0
import type { Protocol, ScaleKind } from "../record/schema.ts";
import type { Oracle, OracleSpec, StatefulSpec } from "./oracle.ts";
import { shareMoved } from "./regions.ts";

/** A live connection when an event comes. */
export interface Alive {
  protocol: Protocol;
  hash: number | null;
  /** Index of the target that it is on. */
  target: number | null;
  /** What was in force from when it was set up until now. */
  lived: readonly Oracle[];
  /** Whether it already lived when the routers that now return left: then what they remember of it is still true. */
  knownToReturning: boolean;
}

export interface Change {
  action: ScaleKind;
  before: Oracle;
  after: Oracle;
  activeBefore: ReadonlySet<number>;
  activeAfter: ReadonlySet<number>;
  /** Share of all connections that change their router. */
  reroutedShare: number;
}

/** Probability that this connection is lost: 0 or 1 where the strategy decides it, in between where chance does. */
export function lossProbability(spec: OracleSpec, change: Change, connection: Alive): number {
  if (spec.strategy === "stateful" && (spec.marks?.includes(connection.protocol) ?? true))
    return lossOfStateful(spec, change, connection);
  const { hash, target } = connection;
  const { before, after } = change;
  if (hash !== null) return before.pick(hash) === after.pick(hash) ? 0 : 1;
  if (target === null) return 0;
  const { lived } = connection;
  if (after.regions)
    return shareMoved(
      lived.flatMap(({ regions }) => (regions ? [regions] : [])),
      after.regions,
      target,
    );
  if (after.buckets) {
    const own = [...after.buckets.keys()].filter((i) => lived.every(({ buckets }) => buckets?.[i] === target));
    return own.filter((i) => after.buckets?.[i] !== target).length / Math.max(1, own.length);
  }
  return 0;
}

/**
 * Bounds of the probability where connections do not get their luck one by one: rules that give out targets in turn meet the
 * connections of another router in the order in which they got their targets there, so all may find theirs again, or none.
 */
export function lossBounds(spec: OracleSpec, change: Change, connection: Alive): [low: number, high: number] {
  const probability = lossProbability(spec, change, connection);
  const inTurn =
    spec.strategy === "stateful" &&
    (connection.protocol === "udp" || spec.midstream === true) &&
    change.action.startsWith("router") &&
    probability > 0 &&
    change.after.pick(connection.hash) === null;
  return inTurn ? [0, change.reroutedShare] : [probability, probability];
}

/**
 * A target that leaves takes its connections along only when their state is flushed. A connection that comes to another router
 * is new there: over TCP it ends where its address towards the target changes; else it lives on if chance, or
 * the hash, gives it the same target again.
 */
function lossOfStateful(
  spec: StatefulSpec,
  change: Change,
  { protocol, hash, target, knownToReturning }: Alive,
): number {
  if (target === null) return 0;
  switch (change.action) {
    case "scale_in":
    case "drift":
    case "drift_end":
      return spec.flush && change.activeBefore.has(target) && !change.activeAfter.has(target) ? 1 : 0;
    case "failure":
      // State or none: who is dead does not answer.
      return change.activeBefore.has(target) && !change.activeAfter.has(target) ? 1 : 0;
    case "router_out":
    case "router_in": {
      if (spec.shared || (change.action === "router_in" && knownToReturning)) return 0;
      if (protocol === "tcp" && !spec.midstream && !spec.marks) return change.reroutedShare;
      const next = change.after.pick(hash);
      const elsewhere = next === null ? 1 - (change.after.shares.get(target) ?? 0) : next === target ? 0 : 1;
      return change.reroutedShare * elsewhere;
    }
    default:
      return 0;
  }
}
