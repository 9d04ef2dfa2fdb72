// SPDX-License-Identifier: Apache-2.0
// What changed in a lab while the traffic was on, by nobody's order: read before and after, told as errors.

import type { LabFault } from "../record/schema.ts";
import type { Crossed } from "../runtime/runtime.ts";
import { count, plural } from "../util/numbers.ts";
import { type RouterRules, readRouterRules, rulesCommands, rulesFaults } from "./rules-check.ts";
import type { RunRequest } from "./run.ts";
import type { Deployment } from "./steps.ts";
import { addressless, type MachineWiring, readWiring, wiringFaults } from "./wiring-check.ts";

/** The kernel has so long for addresses in a thousand machines. */
const ADDRESSES_S = 10;

/** Reads the wiring when the lab is ready for the traffic, the rules once no event changes them any more, and both after the traffic. */
export class Unordered {
  readonly #request: RunRequest;
  readonly #deployment: Deployment;
  readonly #commands: string[][];
  #wiring: MachineWiring[] = [];
  #rules: RouterRules = new Map();
  #crossed: readonly Crossed[] = [];

  constructor(request: RunRequest, deployment: Deployment) {
    this.#request = request;
    this.#deployment = deployment;
    const decides = deployment.balancer.waitForConvergence !== undefined;
    this.#commands = rulesCommands(request.backend.requires(request.backendOptions), decides);
  }

  async begin(): Promise<void> {
    const { lab } = this.#deployment;
    const deadline = lab.clock.now() + ADDRESSES_S * 1e9;
    do this.#wiring = await readWiring(lab);
    while (addressless(this.#wiring, lab.topology.machines).length > 0 && lab.clock.now() < deadline);
    this.#crossed = (await lab.nodes?.crossed()) ?? [];
  }

  /** No event changes rules from now on. */
  async settled(): Promise<void> {
    await this.#deployment.balancer.idle?.();
    this.#rules = await readRouterRules(this.#deployment.lab, this.#commands);
  }

  /** One for each difference. */
  async faults(): Promise<LabFault[]> {
    const { lab } = this.#deployment;
    const [wiring, rules] = await Promise.all([readWiring(lab), readRouterRules(lab, this.#commands)]);
    const { plan } = this.#request;
    const names = lab.topology.routers.map(({ name }) => name);
    return [
      ...lostBetween(this.#crossed, (await lab.nodes?.crossed()) ?? []),
      ...wiringFaults(this.#wiring, wiring, plan, names),
      ...rulesFaults(this.#rules, rules),
    ];
  }
}

/** Of so many packets a network may lose one. */
const LOST_SHARE = 0.001;

/** What the network between nodes lost, which is no balancer's. */
export function lostBetween(before: readonly Crossed[], after: readonly Crossed[]): LabFault[] {
  return after.flatMap(({ from, to, ...now }, i) => {
    const was = before[i] ?? { sent: 0, received: 0 };
    const sent = now.sent - was.sent;
    const lost = sent - (now.received - was.received);
    if (lost <= sent * LOST_SHARE) return [];
    const text = `${count(lost)} of ${plural(sent, "packet")} from node '${from}' to node '${to}' were lost on the network between them.`;
    return [{ text, about: { what: "link" as const, where: `${from} -> ${to}` } }];
  });
}
