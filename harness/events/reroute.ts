// SPDX-License-Identifier: Apache-2.0
import { choosers } from "../announce/announcer.ts";
import type { EventContext } from "../api/event.ts";
import { rerouteBatch } from "../topology/wiring.ts";

/** Makes the routes of the tester and of all targets go by these routers, then tells the balancer. */
export async function reroute({ lab, balancer, routers }: EventContext): Promise<number> {
  const left = lab.topology.routers.filter((_, i) => routers.includes(i));
  await Promise.all(
    choosers(lab).map((machine) =>
      lab.wiring(machine.name).exec(["ip", "-batch", "-"], { input: rerouteBatch(machine, left) }),
    ),
  );
  const effectiveT = lab.clock.now();
  await balancer.setRouters?.(routers);
  return effectiveT;
}
