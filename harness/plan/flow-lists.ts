// SPDX-License-Identifier: Apache-2.0
// The lists of flows that a plan puts in force, one after the other.
import type { Plan, Step } from "../api/scenario.ts";
import type { AssignSpec, OracleSpec } from "../oracle/oracle.ts";

/** Steps with the number of the list that each puts in force; the plan's own is 0. */
export function withLists<T extends Pick<Step, "flows">>(steps: readonly T[]): (T & { list?: number })[] {
  let list = 0;
  return steps.map((step) => (step.flows ? { ...step, list: ++list } : step));
}

/** What the balancer's strategy does with each flow, where there are several. */
export function withFlows(spec: OracleSpec | null, { flows, steps }: Pick<Plan, "flows" | "steps">): OracleSpec | null {
  if (!flows || spec === null) return spec;
  const lists = [flows, ...steps.flatMap((step) => (step.flows ? [step.flows] : []))];
  return { strategy: "flows", assign: spec as AssignSpec, lists: lists.map((list) => [...list]) };
}
