// SPDX-License-Identifier: Apache-2.0
import type { Machine } from "../topology/topology.ts";
import { linkOn } from "../topology/topology.ts";
import { MachineOutage } from "./machine-outage.ts";

/** A span in which routers are dead: what the tester sends to them is dropped before, what they had taken at their way out. */
export class RouterOutage extends MachineOutage {
  protected readonly name = "dead_router";

  protected counted(router: Machine) {
    return [["fabric", `${router.name}.2`] as const, ["machine", linkOn(router, "net1").device] as const];
  }
}
