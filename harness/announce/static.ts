// SPDX-License-Identifier: Apache-2.0
// Static routes, with health checks: whoever chooses among the routers asks each of them by ICMP echo, and takes those that do not answer
// out of its routes.
import type { Daemon } from "../runtime/daemon.ts";
import { linkOn, type Machine } from "../topology/topology.ts";
import { rerouteBatch } from "../topology/wiring.ts";
import { type AnnouncerKind, type Announcing, choosers, netOf } from "./announcer.ts";
import { startChecker } from "./checker.ts";

export const staticRoutes: AnnouncerKind = {
  by: "static",
  async start(announcing) {
    const checkers = await Promise.all(choosers(announcing.lab).map((machine) => checkedBy(announcing, machine)));
    return async () => {
      await Promise.all(checkers.map((checker) => checker.stop()));
    };
  },
};

/** The machine's routes follow what it finds. */
async function checkedBy({ lab, timers, views, onBroken }: Announcing, machine: Machine): Promise<Daemon> {
  const { routers } = lab.topology;
  const { name } = machine;
  const addresses = routers.map((router) => linkOn(router, netOf(machine)).ipv4);
  const onChange = async (alive: ReadonlySet<number>) => {
    const left = routers.filter((_, i) => alive.has(i));
    // The last way is kept: with none, nothing would ever be found again.
    if (left.length === 0) return;
    await lab.wiring(name).exec(["ip", "-batch", "-"], { input: rerouteBatch(machine, left) });
    views.set(name, alive, lab.clock.now());
  };
  const checker = await startChecker({ lab, timers, machine: name, addresses, onChange, onBroken });
  views.set(name, routers.keys(), lab.clock.now());
  return checker;
}
