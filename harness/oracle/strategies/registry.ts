// SPDX-License-Identifier: Apache-2.0
// The strategies by name. Nothing but this table knows which there are: index.ts fills it with ours, a backend's file adds its own.
import { z } from "zod";
import type { Family, Protocol } from "../../record/schema.ts";
import { UsageError } from "../../util/errors.ts";
import type { Flow } from "../hash.ts";
import type { Alive, Change } from "../loss.ts";
import type {
  Cells,
  Chance,
  Forgotten,
  Loads,
  Memory,
  MemoryLimits,
  Oracle,
  Simulation,
  StrategyDefinition,
  Use,
} from "./define.ts";
import { type KeyHash, keyHash } from "./key-hash.ts";

/** A strategy's data, whoever defined it. */
type Spec = { strategy: string };

const known = new Map<string, StrategyDefinition>();

/** A definition of the same name takes the place of the one before. */
export function registerStrategy(definition: StrategyDefinition): void {
  known.set(strategyName(definition), definition);
}

export function strategies(): ReadonlyMap<string, StrategyDefinition> {
  return known;
}

/** Of those strategies that can be simulated, by name. */
export function simulations(): Map<string, Simulation> {
  return new Map([...known].flatMap(([name, { simulation }]) => (simulation ? [[name, simulation] as const] : [])));
}

/** Throws UsageError where it cannot be simulated. */
export function simulationOf(strategy: string): Simulation {
  const { simulation } = definitionOf({ strategy });
  if (simulation) return simulation;
  throw new UsageError(`Strategy '${strategy}' cannot be simulated.`);
}

/** Throws UsageError where the schema has none. */
export function strategyName({ schema }: StrategyDefinition): string {
  const { strategy } = schema.shape as { strategy?: unknown };
  if (strategy instanceof z.ZodLiteral && typeof strategy.value === "string") return strategy.value;
  throw new UsageError("The schema of a strategy must have its name as a literal: z.literal(\"...\") at 'strategy'.");
}

/** Throws UnknownStrategy. */
function definitionOf({ strategy }: Spec): StrategyDefinition {
  const definition = known.get(strategy);
  if (definition) return definition;
  throw new UnknownStrategy(strategy, [...known.keys()].sort());
}

/** As of a record by a backend's file that is not at hand. */
export class UnknownStrategy extends UsageError {
  readonly strategy: string;

  constructor(strategy: string, names: readonly string[]) {
    super(`There is no strategy '${strategy}'. There are: ${names.join(", ")}.`);
    this.strategy = strategy;
  }
}

/** Of a strategy from a backend's file: its name has the backend's before it, so that it is nobody else's. */
export const foreignSpec = z
  .looseObject({ strategy: z.templateLiteral([z.string(), "/", z.string()]) })
  .check(({ value, issues }) => {
    const parsed = known.get(value.strategy)?.schema.safeParse(value);
    for (const { path, message } of parsed?.error?.issues ?? [])
      issues.push({ code: "custom", input: value, path, message });
  });

/** Data of any strategy without a memory. */
export const assignSpec = z.lazy(() =>
  z.union([...[...known.values()].filter((one) => !one.remembers).map(({ schema }) => schema), foreignSpec]),
);

/** What a backend returned as its oracle. Throws UsageError where it does not fit the strategy's schema. */
export function checkedSpec<T extends Spec>(spec: T | null, backend: string): T | null {
  if (spec === null) return null;
  const [issue] = definitionOf(spec).schema.safeParse(spec).error?.issues ?? [];
  if (!issue) return spec;
  throw new UsageError(
    `The oracle of '${backend}' does not fit strategy '${spec.strategy}': '${issue.path.join(".")}': ${issue.message}.`,
  );
}

/** The hash that `pick` wants: it depends on the flow alone, never on the targets. */
export function hashFlow(spec: Spec, flow: Flow): number | null {
  return definitionOf(spec).hash(spec, flow);
}

/** Whether what is in force depends on which hashes sent, and when. */
export function needsUse(spec: Spec | null): spec is Spec {
  return spec !== null && definitionOf(spec).needsUse === true;
}

/** Number of values that this hash can take. */
export function hashValues(spec: Spec): number {
  const chosen = chooserOf(spec);
  return definitionOf(chosen).space?.(chosen) ?? 2 ** 32;
}

/** The strategy whose hash chooses: itself, or the one that it gives new connections to. */
function chooserOf(spec: Spec): Spec {
  return definitionOf(spec).chooses?.(spec) ?? spec;
}

/** What is hashed where that is the flow key; null: something else is. */
export function keyHashOf(spec: Spec): KeyHash | null {
  const chosen = chooserOf(spec) as Spec & KeyHash;
  const isPlain = definitionOf(chosen).hash === (keyHash as unknown) && chosen.sctp === undefined;
  return isPlain ? { seed: chosen.seed, ports: chosen.ports } : null;
}

/** Parts of the hash space that share their targets in each of these; null: each hash is one of its own. */
export function cellsOf(spec: Spec, oracles: readonly Oracle[]): Cells | null {
  const states = oracles.map(({ state }) => state);
  return definitionOf(spec).cells?.(spec, states) ?? null;
}

interface Weighed {
  weights?: readonly number[];
}

/** The same with other weights, also of the strategy that it gives new connections to. Where there are none it stays as it is. */
export function weighted<T extends Spec>(spec: T, weights: readonly number[]): T {
  const definition = definitionOf(spec);
  const chosen = definition.chooses?.(spec) ?? null;
  const entries = Object.entries<unknown>(spec).map(([key, value]) => [
    key,
    chosen !== null && value === chosen ? weighted(chosen, weights) : value,
  ]);
  return { ...Object.fromEntries(entries), ...("weights" in definition.schema.shape ? { weights } : {}) } as T;
}

/** The same with another of its lists of flows in force. Where there are none it stays as it is. */
export const relisted = <T extends Spec>(spec: T, list: number): T =>
  "lists" in definitionOf(spec).schema.shape ? { ...spec, list } : spec;

/** Of all targets, by index; null: they are equal, or there are none. */
export const weightsIn = (spec: Spec): readonly number[] | null =>
  (spec as Weighed).weights ?? (chooserOf(spec) as Weighed).weights ?? null;

/** The table that hashes lead into; null: it has none. */
export function entriesOf(spec: Spec, { state }: Oracle): ArrayLike<number> | null {
  return definitionOf(spec).entries?.(state) ?? null;
}

/** `active` are the indices of the active targets; `before` is what was in force until then; `use`: when flows sent, if known. */
export function makeOracle(
  spec: Spec,
  active: readonly number[],
  before: Oracle | null = null,
  use: Use | null = null,
): Oracle {
  const definition = definitionOf(spec);
  const state = definition.state(spec, active, before?.state ?? null, use);
  return {
    pick: (hash) => (hash === null ? null : definition.pick(state, hash)),
    slot: (hash) => (hash === null ? null : (definition.slot?.(state, hash) ?? null)),
    ...(definition.services
      ? {
          services: definition.services(state),
          serviceOf: (hash: number | null) => (hash === null ? null : (definition.serviceOf?.(state, hash) ?? null)),
        }
      : {}),
    shares: definition.shares(state),
    state,
  };
}

/** How it chooses by who has how many; null: it does not. */
export function chooserByLoad(spec: Spec): ((oracle: Oracle, hash: number, loads: Loads) => number | null) | null {
  const definition = definitionOf(spec);
  if (!definition.chooseByLoad) return null;
  return ({ state }, hash, loads) => definition.chooseByLoad?.(state, hash, loads) ?? null;
}

/** Probability that this connection is lost: 0 or 1 where the strategy decides it, in between where chance does. */
export function lossProbability(spec: Spec, change: Change, connection: Alive): number {
  const definition = definitionOf(spec);
  if (definition.loss) return definition.loss(spec, change, connection);
  const { hash, target, lived } = connection;
  const { before, after } = change;
  if (hash !== null) return before.pick(hash) === after.pick(hash) ? 0 : 1;
  if (target === null || !definition.moved) return 0;
  return definition.moved(
    lived.map(({ state }) => state),
    after.state,
    target,
  );
}

/** Whether a connection with a known hash is lost when another target is picked for it, and then only. */
export const losesByPick = (spec: Spec): boolean => definitionOf(spec).loss === undefined;

/** Bounds of the probability where connections do not get their luck one by one. */
export function lossBounds(spec: Spec, change: Change, connection: Alive): [low: number, high: number] {
  const bounds = definitionOf(spec).lossBounds?.(spec, change, connection);
  if (bounds) return bounds;
  const probability = lossProbability(spec, change, connection);
  return [probability, probability];
}

/** Seconds for which new connections of a source come to the target of the one before: 0 where ports, turn or chance decide. */
export function affinityS(spec: Spec | null, family: Family): number {
  return spec ? (definitionOf(spec).affinityS?.(spec, family) ?? 0) : 0;
}

/** How connections of this protocol are remembered; null: each packet is chosen for anew. */
export function memoryOf(spec: Spec | null, protocol: Protocol): Memory {
  return spec ? (definitionOf(spec).remembers?.(spec, protocol) ?? null) : null;
}

/** How much it remembers; null: as much as comes, or nothing. */
export function memoryLimits(spec: Spec | null): MemoryLimits | null {
  return spec ? (definitionOf(spec).memory?.(spec) ?? null) : null;
}

/** Probability that a connection is lost whose next packet comes when it is forgotten. */
export function lossOfForgotten(spec: Spec, now: Oracle, connection: Forgotten): Chance {
  return definitionOf(spec).lossOfForgotten?.(spec, now, connection) ?? { expected: 0, low: 0, high: 0 };
}
