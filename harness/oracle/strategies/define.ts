// SPDX-License-Identifier: Apache-2.0
// What a strategy is: how a balancer chooses the target of a flow, and what a change of targets or routers costs it.
import { z } from "zod";
import { type Family, type Protocol, protocol } from "../../record/base.ts";
import type { Flow } from "../hash.ts";
import type { Alive, Change } from "../loss.ts";

/** What a strategy does while exactly these targets are active. */
export interface Oracle<State = unknown> {
  /** Index of the target that gets a new flow with this hash, null when that is not known or there is none. */
  pick(hash: number | null): number | null;
  /** Where in its table that hash leads, in words: "slot 17 of 997". Absent, or null: there is no table. */
  slot?(hash: number | null): string | null;
  /** Services that it tells apart, by name, each with the shares of its own targets. Absent: there is one. */
  services?: ReadonlyMap<string, ReadonlyMap<number, number>>;
  /** The service that takes a flow with this hash; null: none does. */
  serviceOf?(hash: number | null): string | null;
  /** Share of all flows that each active target should get; adds up to 1. Empty: that is not predicted. */
  shares: ReadonlyMap<number, number>;
  /** The strategy's own: the state after it follows from this one. */
  state: State;
}

/** When flows sent, and when a state comes into force: what idle buckets depend on. Times are monotonic ns. */
export interface Use {
  fromT: number;
  /** The next state comes into force, or the run ends. */
  untilT: number;
  /** The last packet up to then of flows with this hash; null: there was none. */
  lastSent(hash: number, t: number): number | null;
}

/** Targets are indices from 0. All functions are pure; `spec` is data of the schema, and is kept in the record. */
export interface StrategyDefinition<Schema extends z.ZodObject = z.ZodObject, State = unknown> {
  /** A strict object; its literal `strategy` is the name. */
  schema: Schema;
  /** Depends on the flow alone, never on targets. null: nobody can know it from outside; then shares are predicted, not connections. */
  hash(spec: z.infer<Schema>, flow: Flow): number | null;
  /** The data of another strategy that chooses the targets of new connections. Absent, or null: its own `pick` does. */
  chooses?(spec: z.infer<Schema>): { strategy: string } | null;
  /** Number of values that the hash can take. Absent: 2^32. */
  space?(spec: z.infer<Schema>): number;
  /**
   * What is in force once exactly these targets are active; `before` is what was until then, null at first. `use` is given to those
   * with `needsUse`, where it is known; null: take everything for used.
   */
  state(spec: z.infer<Schema>, active: readonly number[], before: State | null, use: Use | null): State;
  /** The state depends on which hashes sent, and when. Absent: it does not. */
  needsUse?: true;
  /** null: not known, or there is none. */
  pick(state: State, hash: number): number | null;
  /** The target of a new connection by who has how many; null: there is none. Absent: `pick` says it. */
  chooseByLoad?(state: State, hash: number, loads: Loads): number | null;
  /** Where in its table that hash leads, in words. Absent: there is no table. */
  slot?(state: State, hash: number): string;
  /** Services that it tells apart, with the shares of their targets; which one takes a hash. Absent: there is one. */
  services?(state: State): ReadonlyMap<string, ReadonlyMap<number, number>>;
  serviceOf?(state: State, hash: number): string | null;
  /** The table that hashes lead into: target indices, slot by slot. Absent, or null: there is none. */
  entries?(state: State): ArrayLike<number> | null;
  /** null: there are too many. Absent: each hash is one of its own. */
  cells?(spec: z.infer<Schema>, states: readonly State[]): Cells | null;
  shares(state: State): ReadonlyMap<number, number>;
  /**
   * Share of a target's flows that are its no longer in `after`, of those that were in each state of `lived` and whose hashes are
   * not known. Absent: every hash is known.
   */
  moved?(lived: readonly State[], after: State, target: number): number;
  /**
   * Probability that the connection is lost at the change: 0 or 1 where the strategy decides it. Absent: it is lost when
   * another target is picked for it than before.
   */
  loss?(spec: z.infer<Schema>, change: Change<State>, connection: Alive<State>): number;
  /** Bounds of that probability where connections do not get their luck one by one. Absent: the probability itself. */
  lossBounds?(spec: z.infer<Schema>, change: Change<State>, connection: Alive<State>): [low: number, high: number];
  /** Seconds for which new connections of a source come to the target of the one before. Absent: 0, ports, turn or chance decide. */
  affinityS?(spec: z.infer<Schema>, family: Family): number;
  /** Whether connections of this protocol stay where they are, remembered, whatever becomes of the choice for new ones. */
  remembers?(spec: z.infer<Schema>, protocol: Protocol): Memory;
  /** How many connections it remembers, and how long. Absent, or null: as many as come, as long as they live. */
  memory?(spec: z.infer<Schema>): MemoryLimits | null;
  /** Probability that a connection is lost whose next packet comes when it is forgotten. `now` is what is in force then. */
  lossOfForgotten?(spec: z.infer<Schema>, now: Oracle<State>, connection: Forgotten): Chance;
  /** For the simulator of tables. Absent: there is nothing to simulate. */
  simulation?: Simulation<z.infer<Schema> & { strategy: string }>;
}

/** Connections that live: of a target, and of all. */
export interface Loads {
  of(target: number): number;
  all: number;
}

/** Parts of the hash space: hashes of one part have the same target, each time, over a course of states. */
export interface Cells {
  count: number;
  of(hash: number): number;
  /** A hash in this cell. */
  sample(cell: number): number;
}
export const MOST_CELLS = 2 ** 20;

/** What each router remembers of connections. */
export const memoryLimits = z.strictObject({
  /** Connections that it holds at most; about the least recently used one makes room. */
  entries: z.int().min(1).optional(),
  /**
   * Each CPU knows only connections whose packets came to it. `moves`: share of the messages that come to another one of `cpus` than the
   * one before. Absent: nobody knows.
   */
  perCpu: z
    .strictObject({ cpus: z.int().min(2).max(32), moves: z.number().min(0).max(1) })
    .partial()
    .optional(),
  /** Seconds of silence after which it forgets one; 0: with each packet. */
  timeoutS: z.partialRecord(protocol, z.number().nonnegative()).readonly().optional(),
  /** Only data counts against silence: TCP's keepalives end at it. */
  dataOnly: z.boolean().optional(),
  /** It takes a TCP connection that it has forgotten for a new one; else its packets come to nothing. */
  again: z.boolean().optional(),
});
export type MemoryLimits = z.infer<typeof memoryLimits>;

/** A connection that its balancer knows no longer. */
export type Forgotten = Pick<Alive, "protocol" | "hash" | "target">;

/** A probability, and bounds of it where connections do not get their luck one by one. */
export interface Chance {
  expected: number;
  low: number;
  high: number;
}

/** "mark": the packets of a connection keep their addresses; "addresses": they are rewritten. */
export type Memory = "mark" | "addresses" | null;

export interface Simulation<Spec extends { strategy: string } = { strategy: string }> {
  /** `given`: by `options`. */
  spec(slots: number, seed: number, targets: number, given: Readonly<Record<string, unknown>>): Spec;
  /** What else it takes, with defaults. */
  options?: z.ZodObject;
  /** The keys are the slots of a table, or hashes of so many flows. */
  keys: "slots" | "hashes";
  /** The number of slots must be prime. */
  prime?: true;
  /** Lines that show a table that fits on a screen. */
  show?(spec: Spec, targets: number): string[];
}

/** Types the functions by the schema and by the state. */
export function defineStrategy<Schema extends z.ZodObject, State>(
  definition: StrategyDefinition<Schema, State>,
): StrategyDefinition<Schema, State> {
  return definition;
}
