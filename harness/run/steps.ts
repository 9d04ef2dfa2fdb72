// SPDX-License-Identifier: Apache-2.0
// Carries out the events of a plan, each at its time, and writes down when it was asked for and when it was in force.
import type { Announcer } from "../announce/announcer.ts";
import type { Balancer } from "../api/backend.ts";
import type { EventContext } from "../api/event.ts";
import type { Plan, Step } from "../api/scenario.ts";
import { explanationOf } from "../events/index.ts";
import { inUse, isTold, memberNoun } from "../events/meaning.ts";
import { withLists } from "../plan/flow-lists.ts";
import type { RecordWriter } from "../record/record.ts";
import { type Lab, LabError } from "../runtime/runtime.ts";

/** A balancer in its lab, and the record of both. */
export interface Deployment {
  lab: Lab;
  record: RecordWriter;
  balancer: Balancer;
  announcer?: Announcer | undefined;
}

/** `t0` is when the traffic began, in monotonic ns. Throws LabError where the time of a step has passed in virtual time: no machine was too busy. */
export async function driveSteps(
  deployment: Deployment,
  { plan, shared: { share }, t0 }: { plan: Plan; shared: Shared; t0: number },
  signal: AbortSignal,
): Promise<void> {
  const { lab, record } = deployment;
  for (const [i, { atS, event, members, weights, list }] of withLists(plan.steps).entries()) {
    const passedS = (lab.clock.now() - t0) / 1e9;
    if (lab.clock.isVirtual && passedS > atS)
      throw new LabError(
        `Cannot carry out '${event.kind}' at ${atS} s: ${passedS.toFixed(1)} s have passed, as what comes before it takes so long. Try later times with --at.`,
      );
    await lab.clock.sleepUntil(t0 + atS * 1e9, signal);
    // In force on the machine whose clock is the latest, asked for by that of the earliest.
    const requestedT = lab.clock.now() - lab.clock.errorNs;
    const applied = await event.apply({ ...deployment, ...contextOf(plan, i, lab), share });
    const effectiveT = applied + lab.clock.errorNs;
    const machines = memberNoun(event) === "target" ? lab.topology.targets : lab.topology.routers;
    record.add({
      kind: "scale",
      t: effectiveT,
      action: event.kind,
      ...explanationOf(event),
      machines: members.flatMap((member) => machines[member - 1]?.name ?? []),
      ...(weights ? { weights: [...weights] } : {}),
      ...(list === undefined ? {} : { flows: list }),
      requestedT,
      effectiveT,
    });
  }
}

/** What is in use once step i is carried out, as the routers know it that are told of it. */
function contextOf(
  plan: Plan,
  i: number,
  { topology }: Lab,
): Pick<EventContext, "members" | "targets" | "routers" | "weights" | "flows" | "told"> {
  const { event, members, weights, flows } = plan.steps[i] as Step;
  const routers = topology.routers.length;
  const told = topology.routers.flatMap((_, router) => (isTold(event, router, routers) ? [router] : []));
  const view = { router: told[0] ?? 0, routers };
  const events = plan.steps.slice(0, i + 1).map((step) => ({ meaning: step.event, members: indices(step.members) }));
  const after = (subject: "targets" | "routers", start: number[]) =>
    [...(inUse(subject, start, events, view).at(-1) ?? [])].sort((a, b) => a - b);
  return {
    members: indices(members),
    targets: after("targets", activeAtStart(plan, topology.targets.length)),
    routers: after("routers", [...topology.routers.keys()]),
    weights,
    flows,
    told: told.length === routers ? undefined : new Set(told.flatMap((router) => topology.routers[router]?.name ?? [])),
  };
}

/** What the plan's events need to be so before there is a balancer. */
export async function beforeSteps(lab: Lab, { steps }: Plan, { share }: Shared): Promise<void> {
  for (const { event, members } of steps) await event.before?.({ lab, members: indices(members), share });
}

/** Indices of the targets that are active before the first event. */
export function activeAtStart({ out }: Pick<Plan, "out">, targets: number): number[] {
  return Array.from({ length: targets }, (_, i) => i).filter((i) => !out.includes(i + 1));
}

const indices = (numbers: readonly number[]) => numbers.map((number) => number - 1);

/** The instances that events of one run share. */
export class Shared {
  readonly #lab: Lab;
  readonly #record: RecordWriter;
  readonly #made = new Map<unknown, unknown>();

  constructor(lab: Lab, record: RecordWriter) {
    this.#lab = lab;
    this.#record = record;
  }

  readonly share: EventContext["share"] = <T>(one: new (lab: Lab, record: RecordWriter) => T): T => {
    const instance = (this.#made.get(one) as T | undefined) ?? new one(this.#lab, this.#record);
    this.#made.set(one, instance);
    return instance;
  };

  /** Once the traffic is over. */
  async finish(): Promise<void> {
    for (const instance of this.#made.values()) await (instance as { finish?(): Promise<void> }).finish?.();
  }
}
