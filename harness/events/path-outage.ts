// SPDX-License-Identifier: Apache-2.0
import { onPath } from "../topology/paths.ts";
import type { Machine, Topology } from "../topology/topology.ts";
import { MachineOutage, portsOf } from "./machine-outage.ts";

/** A span in which one of two ways between tester and targets is dead, at both its ends. */
abstract class PathOutage extends MachineOutage {
  protected readonly name = "dead_path";

  protected counted(machine: Machine) {
    if (machine.role === "target") return portsOf(machine).map((port) => ["fabric", port] as const);
    return machine.links.map(({ device }) => ["machine", device] as const);
  }
}

export class FirstPathOutage extends PathOutage {}
export class SecondPathOutage extends PathOutage {}

/** Who has links of this way, besides the routers. */
export const endsOf = ({ testers, targets }: Topology, path: number): Machine[] =>
  [...testers, ...targets].map((machine) => onPath(machine, path));
