// SPDX-License-Identifier: Apache-2.0
// What of a planned case cannot be simulated: whatever only a lab tells.
import type { OracleSpec } from "../oracle/oracle.ts";
import { unsupported } from "../plan/catalog.ts";
import { fewestTargets, MANY } from "../plan/plan-run.ts";
import { fillsUp, forgets } from "../run/obstacles.ts";
import type { PlannedCase } from "../run/planned-case.ts";

/** Sentences why. Empty: it can be simulated. */
export function notSimulated(planned: PlannedCase, spec: OracleSpec | null): string[] {
  const { load, plan, routers, options, impairment, case: one, unfit } = planned;
  const lab = plan.steps.find(({ event }) => event.subject !== "targets" || !event.announced);
  const checks: [boolean, string][] = [
    [spec === null, `Nobody can know what '${one.backend.name}' with these options decides: it has no oracle.`],
    [load.mode !== "stream", `'${one.scenario.name}' has no connections that last.`],
    [lab !== undefined, `When a balancer finds out '${lab?.event.kind}', and what it does then, only a lab tells.`],
    [
      fewestTargets(plan, options.targets, routers) === 0,
      "Without any target in use only a lab tells what clients see.",
    ],
    [impairment !== null || plan.squeezeMtu !== undefined, "What becomes of packets on a bad path only a lab tells."],
  ];
  return [
    ...unsupported(one, options, planned.backendOptions),
    ...(unfit ? [unfit] : []),
    ...checks.flatMap(([is, sentence]) => (is ? [sentence] : [])),
    ...unsimulatedMemory(planned),
    ...fillsUp(planned),
  ];
}

/** The memory of one router is simulated message by message; which CPU a packet comes to, and the tables of several routers, are not. */
function unsimulatedMemory(planned: PlannedCase): string[] {
  const isSimulated = planned.routers === 1 && planned.load.connections <= MANY;
  return forgets(planned, isSimulated ? "unsimulated" : undefined);
}
