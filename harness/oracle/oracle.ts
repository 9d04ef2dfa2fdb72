// SPDX-License-Identifier: Apache-2.0
// What each strategy should do. An oracle is data, kept in the record, so that every verdict can be derived again from it.
import type { Flow } from "./hash.ts";
import type { Oracle, Use } from "./strategies/define.ts";
import type { OracleSpec } from "./strategies/index.ts";
import * as registry from "./strategies/registry.ts";

export type { Oracle, Use } from "./strategies/define.ts";
export { type AssignSpec, type OracleSpec, oracleSpec, type TableSpec } from "./strategies/index.ts";
export { checkedSpec, memoryOf, needsUse, UnknownStrategy } from "./strategies/registry.ts";
export type { StatefulSpec } from "./strategies/stateful.ts";

/** The hash that `pick` wants: it depends on the flow alone, never on the targets. */
export const hashFlow: (spec: OracleSpec, flow: Flow) => number | null = registry.hashFlow;

/** `active` are the indices of the active targets; `before` is what was in force until then; `use`: when flows sent, if known. */
export const makeOracle: (
  spec: OracleSpec,
  active: readonly number[],
  before?: Oracle | null,
  use?: Use | null,
) => Oracle = registry.makeOracle;
