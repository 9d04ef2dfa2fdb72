// SPDX-License-Identifier: Apache-2.0
import type { Machine } from "../topology/topology.ts";
import { MachineOutage, portsOf } from "./machine-outage.ts";

/** A span in which targets are dead. */
export class TargetOutage extends MachineOutage {
  protected readonly name = "dead_target";

  protected counted(target: Machine) {
    return portsOf(target).map((port) => ["fabric", port] as const);
  }
}
