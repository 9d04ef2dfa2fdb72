// SPDX-License-Identifier: Apache-2.0
// Flows as files have them: targets are numbers from 1.
import { z } from "zod";
import { type FlowRule, flowConditions } from "../oracle/strategies/flow-rules.ts";

export const flowsInFile = z
  .array(flowConditions.extend({ targets: z.array(z.int().min(1)).min(1).describe("numbers of its targets") }))
  .min(1)
  .max(64);
type FileFlows = z.infer<typeof flowsInFile>;

export const toFile = (rules: readonly FlowRule[]): FileFlows =>
  rules.map((rule) => ({ ...rule, targets: rule.targets.map((index) => index + 1) }));

/** Targets by index; throws what `wrong` makes of a place and a sentence where they do not fit a lab with so many targets. */
export function toRules(
  flows: FileFlows,
  targets: number,
  wrong: (path: (string | number)[], text: string) => Error,
): FlowRule[] {
  for (const [i, { name, targets: own }] of flows.entries()) {
    if (flows.findIndex((flow) => flow.name === name) < i) throw wrong([i, "name"], `flow '${name}' is there twice.`);
    const missing = own.find((number) => number > targets);
    if (missing !== undefined) throw wrong([i, "targets"], `there is no target ${missing}: the lab has ${targets}.`);
  }
  return flows.map((flow) => ({ ...flow, targets: flow.targets.map((number) => number - 1) }));
}
