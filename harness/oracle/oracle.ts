// SPDX-License-Identifier: Apache-2.0
// What each strategy should do. An oracle is data, kept in the record, so that every verdict can be derived again from it.
import type { Flow } from "./hash.ts";
import type { Oracle, Use } from "./strategies/define.ts";
import type { OracleSpec } from "./strategies/index.ts";
import * as registry from "./strategies/registry.ts";
import type { StatefulSpec } from "./strategies/stateful.ts";

export type { Oracle, Use } from "./strategies/define.ts";
export type { FlowRule } from "./strategies/flow-rules.ts";
export { type AssignSpec, type OracleSpec, oracleSpec, type TableSpec } from "./strategies/index.ts";
export { checkedSpec, memoryOf, needsUse, UnknownStrategy } from "./strategies/registry.ts";
export type { StatefulSpec };

export const isStateful = (spec: OracleSpec | null): spec is StatefulSpec => spec?.strategy === "stateful";

/** The hash that `pick` wants: it depends on the flow alone, never on the targets. */
export const hashFlow: (spec: OracleSpec, flow: Flow) => number | null = registry.hashFlow;

/** The same strategy with other weights; one that has none stays as it is. */
export const weighted: (spec: OracleSpec, weights: readonly number[]) => OracleSpec = registry.weighted;
/** The same strategy with another of its lists of flows in force; one that has none stays as it is. */
export const relisted: (spec: OracleSpec, list: number) => OracleSpec = registry.relisted;
/** Of all targets, by index; null: they are equal, or there are none. */
export const weightsIn: (spec: OracleSpec) => readonly number[] | null = registry.weightsIn;

/** The table that hashes lead into, slot by slot; null: it has none. */
export const entriesOf: (spec: OracleSpec, oracle: Oracle) => ArrayLike<number> | null = registry.entriesOf;

/** `active` are the indices of the active targets; `before` is what was in force until then; `use`: when flows sent, if known. */
export const makeOracle: (
  spec: OracleSpec,
  active: readonly number[],
  before?: Oracle | null,
  use?: Use | null,
) => Oracle = registry.makeOracle;
