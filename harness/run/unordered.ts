// SPDX-License-Identifier: Apache-2.0
// What changed in a lab while the traffic was on, by nobody's order: read before and after, told as errors.

import { type RouterRules, readRouterRules, rulesCommands, rulesFaults } from "./rules-check.ts";
import type { RunRequest } from "./run.ts";
import type { Deployment } from "./steps.ts";
import { type MachineWiring, readWiring, wiringFaults } from "./wiring-check.ts";

/** Reads the wiring when the lab is ready for the traffic, the rules once no event changes them any more, and both after the traffic. */
export class Unordered {
  readonly #request: RunRequest;
  readonly #deployment: Deployment;
  readonly #commands: string[][];
  #wiring: MachineWiring[] = [];
  #rules: RouterRules = new Map();

  constructor(request: RunRequest, deployment: Deployment) {
    this.#request = request;
    this.#deployment = deployment;
    const decides = deployment.balancer.waitForConvergence !== undefined;
    this.#commands = rulesCommands(request.backend.requires(request.backendOptions), decides);
  }

  async begin(): Promise<void> {
    const { lab } = this.#deployment;
    this.#wiring = await readWiring(lab);
  }

  /** No event changes rules from now on. */
  async settled(): Promise<void> {
    await this.#deployment.balancer.idle?.();
    this.#rules = await readRouterRules(this.#deployment.lab, this.#commands);
  }

  /** One sentence for each difference. */
  async faults(): Promise<string[]> {
    const { lab } = this.#deployment;
    const [wiring, rules] = await Promise.all([readWiring(lab), readRouterRules(lab, this.#commands)]);
    const { plan } = this.#request;
    return [...wiringFaults(this.#wiring, wiring, plan), ...rulesFaults(this.#rules, rules)];
  }
}
