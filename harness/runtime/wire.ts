// SPDX-License-Identifier: Apache-2.0
import type { Topology } from "../topology/topology.ts";
import { bridgeBatch, fabricBatch, fabricSysctls, machineBatch, machineSysctls } from "../topology/wiring.ts";
import type { Host } from "./runtime.ts";

/** A machine as the fabric sees it. */
export interface Wired {
  /** Runs commands in the machine's network namespace. */
  host: Host;
  /** Its network namespace, as ip(8) names it: a name or a pid. */
  netns: string;
}

/** Makes the planned links, addresses and routes of all machines. The machines exist and have no link but lo. */
export async function wire(topology: Topology, fabric: Host, find: (machine: string) => Wired): Promise<void> {
  const machines = topology.machines.map((machine) => ({ machine, ...find(machine.name) }));
  await Promise.all([
    fabric.exec(["@sysctl"], { input: fabricSysctls }),
    ...machines.map(({ machine, host }) => host.exec(["@sysctl"], { input: machineSysctls(machine) })),
  ]);
  await fabric.exec(["ip", "-batch", "-"], { input: fabricBatch(topology, (m) => find(m.name).netns) });
  await Promise.all([
    fabric.exec(["bridge", "-batch", "-"], { input: bridgeBatch(topology) }),
    ...machines.map(({ machine, host }) =>
      host.exec(["ip", "-batch", "-"], { input: machineBatch(topology, machine) }),
    ),
  ]);
}
