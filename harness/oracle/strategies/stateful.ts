// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { isSilent } from "../../events/meaning.ts";
import { type Family, protocol } from "../../record/base.ts";
import type { Alive, Change } from "../loss.ts";
import { type Chance, defineStrategy, type Forgotten, type Memory, memoryLimits, type Oracle } from "./define.ts";
import type { AssignSpec } from "./index.ts";
import { poolInUse, pools, sharesByWeight, weightsOf } from "./pools.ts";
import { affinityS, assignSpec, cellsOf, hashFlow, lossProbability, makeOracle, simulationOf } from "./registry.ts";

const schema = z.strictObject({
  strategy: z.literal("stateful"),
  /** Connections of a target that leaves are cut; else they stay as long as they live. */
  flush: z.boolean(),
  /** For so many seconds after its last connection a source gets its target again. */
  affinityS: z.union([z.number().nonnegative(), z.literal("always")]).optional(),
  /** How new connections are assigned; null: in turn or at random. */
  assign: (z.lazy(() => assignSpec) as unknown as z.ZodType<AssignSpec>).nullable(),
  /**
   * Packets keep their addresses, and only a mark is remembered, for connections of these protocols: another router that
   * chooses the same target carries a connection on. Absent: addresses are rewritten.
   */
  marks: z.array(protocol).readonly().optional(),
  /** A router takes a TCP connection that it does not know for a new one; else it resets it. */
  midstream: z.boolean().optional(),
  /** Routers tell each other what they remember. */
  shared: z.boolean().optional(),
  /** How evenly new connections spread depends on how long others last: shares are not predicted. */
  uneven: z.boolean().optional(),
  /**
   * How new connections spread once others live. "fewest": to who has the fewest for its weight, of all that live, or
   * "fewest_since_change" of those opened since; "shares": as at the start. Absent: by `assign`, and without one nobody can know.
   */
  later: z.enum(["fewest", "fewest_since_change", "shares"]).optional(),
  /** Absent: it remembers as many connections as come, for as long as they live. */
  memory: memoryLimits.optional(),
  ...pools,
});
export type StatefulSpec = z.infer<typeof schema>;

const ENTRIES = 65_536;
type Tabled = { over: string; entries: number; cpus: number; moves: number; timeout: number };
const timeoutOf = (s: number | undefined) => (s === undefined ? {} : { timeoutS: { tcp: s, udp: s } });

interface State {
  /** For new connections; null: in turn or at random. */
  choice: Oracle | null;
  shares: ReadonlyMap<number, number>;
}

/** Connections stay where they are, in each router's memory, whatever becomes of the choice for new ones. */
export const stateful = defineStrategy({
  schema,
  hash: ({ assign }, flow) => assign && hashFlow(assign, flow),
  state(spec, active, before: State | null): State {
    if (spec.uneven) return { choice: null, shares: new Map() };
    if (!spec.assign) return { choice: null, shares: sharesByWeight(poolInUse(spec, active), weightsOf(spec)) };
    const choice = makeOracle(spec.assign, active, before?.choice);
    return { choice, shares: choice.shares };
  },
  pick: ({ choice }, hash) => choice?.pick(hash) ?? null,
  chooses: ({ assign }) => assign,
  cells: ({ assign }, states) =>
    assign &&
    cellsOf(
      assign,
      states.flatMap(({ choice }) => choice ?? []),
    ),
  entries: ({ choice }) => (choice?.state as { slots?: ArrayLike<number> } | undefined)?.slots ?? null,
  shares: ({ shares }) => shares,
  loss,
  lossBounds(spec, change, connection) {
    // Rules that give out targets in turn meet the connections of another router in the order in which they got their targets
    // there: all may find theirs again, or none.
    const probability = loss(spec, change, connection);
    const inTurn =
      (connection.protocol === "udp" || spec.midstream === true) &&
      change.subject === "routers" &&
      probability > 0 &&
      change.after.pick(connection.hash) === null;
    return inTurn ? [0, change.reroutedShare] : [probability, probability];
  },
  affinityS(spec, family: Family) {
    if (spec.affinityS === "always") return Number.POSITIVE_INFINITY;
    return spec.affinityS ?? (spec.assign ? affinityS(spec.assign, family) : 0);
  },
  memory: (spec) => spec.memory ?? null,
  lossOfForgotten,
  remembers(spec, protocol): Memory {
    if (!spec.marks) return "addresses";
    return spec.marks.includes(protocol) ? "mark" : null;
  },
  simulation: {
    options: z.strictObject({
      over: z
        .enum(["maglev", "anchor", "rendezvous", "ring", "dx", "modulo"])
        .default("maglev")
        .describe("what chooses"),
      entries: z.coerce.number().int().min(1).default(ENTRIES).describe("connections that it remembers, an LRU"),
      timeout: z.coerce.number().positive().optional().describe("seconds of silence after which it forgets one"),
      cpus: z.coerce.number().int().min(1).max(32).default(1).describe("CPUs, each with a memory of its own"),
      moves: z.coerce
        .number()
        .min(0)
        .max(1)
        .default(0)
        .describe("share of the messages that come to another CPU than the one before"),
    }),
    spec(slots, seed, targets, given) {
      const { over = "maglev", entries = ENTRIES, cpus = 1, moves = 0, timeout } = given as Partial<Tabled>;
      const assign = simulationOf(over).spec(slots, seed, targets, {}) as AssignSpec;
      const memory = { entries, again: true, ...(cpus > 1 ? { perCpu: { cpus, moves } } : {}), ...timeoutOf(timeout) };
      return { strategy: "stateful" as const, flush: true, assign, marks: ["tcp", "udp"] as const, memory };
    },
    keys: "hashes",
    prime: true,
  },
});

/**
 * A target that leaves takes its connections along only when their state is flushed. A connection that comes to another router
 * is new there: over TCP it ends where its address towards the target changes; else it lives on if chance, or
 * the hash, gives it the same target again.
 */
function loss(spec: StatefulSpec, change: Change<State>, connection: Alive<State>): number {
  const { protocol, target } = connection;
  if (spec.marks && !spec.marks.includes(protocol)) return lossOfChoice(spec, change, connection);
  if (target === null) return 0;
  if (change.subject === "routers") return lossOfRerouted(spec, change, connection);
  // Who has left already may still have connections when it dies.
  const was = change.activeBefore.has(target) || change.dying?.has(target);
  const gone = was && !change.activeAfter.has(target);
  // State or none: the dead do not answer.
  return gone && (spec.flush || isSilent(change)) ? 1 : 0;
}

function lossOfRerouted(
  spec: StatefulSpec,
  { effect, reroutedShare, after }: Change<State>,
  { protocol, hash, target, knownToReturning }: Alive<State>,
): number {
  if (spec.shared || (effect === "join" && knownToReturning)) return 0;
  if (protocol !== "udp" && !spec.midstream && !spec.marks) return reroutedShare;
  const next = after.pick(hash);
  const elsewhere = next === null ? 1 - (after.shares.get(target ?? -1) ?? 0) : next === target ? 0 : 1;
  return reroutedShare * elsewhere;
}

/** What is taken for new is chosen for anew: it lives on where the hash, or chance, gives it the same target again. */
function lossOfForgotten(spec: StatefulSpec, now: Oracle<State>, { protocol, hash, target }: Forgotten): Chance {
  if (protocol !== "udp" && !spec.memory?.again) return certain(1);
  const next = now.pick(hash);
  if (next !== null) return certain(next === target ? 0 : 1);
  if (spec.uneven) return { expected: 0.5, low: 0, high: 1 };
  const share = target === null ? 0 : (now.shares.get(target) ?? 0);
  if (share <= 0 || share >= 1) return certain(1 - share);
  // A hash that nobody knows gives the same target while its table is the same; a source may be remembered longer than its connections.
  const isLikelyKept = spec.assign !== null || spec.affinityS === "always" || (spec.affinityS ?? 0) > 0;
  // In turn: all may find theirs again, or none.
  return { expected: isLikelyKept ? 0 : 1 - share, low: 0, high: 1 };
}

const certain = (expected: number): Chance => ({ expected, low: expected, high: expected });

/** Of a protocol of which nothing is remembered: each packet is chosen for anew. */
function lossOfChoice({ assign }: StatefulSpec, change: Change<State>, { lived, ...connection }: Alive<State>): number {
  const [before, after] = [change.before.state.choice, change.after.state.choice];
  if (!assign || !before || !after) return 0;
  const choices = lived.flatMap(({ state }) => state.choice ?? []);
  return lossProbability(assign, { ...change, before, after }, { ...connection, lived: choices });
}
