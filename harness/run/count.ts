// SPDX-License-Identifier: Apache-2.0
// Counters of all machines around the traffic.
import { choosers } from "../announce/announcer.ts";
import type { Balancer } from "../api/backend.ts";
import type { Lab } from "../runtime/runtime.ts";
import { isTester, type Machine } from "../topology/topology.ts";
import { readCounters } from "../traffic/counters.ts";
import type { Deployment } from "./steps.ts";

/**
 * Until nothing is sent and nothing arrives any more: closing handshakes and full queues outlast the generators. False when that
 * took too long.
 */
export async function settle(lab: Lab): Promise<boolean> {
  const moved = async () => {
    const read = await Promise.all(choosers(lab).map((m) => readCounters(lab, m.name)));
    return read.reduce((sum, c) => sum + (c.ipIn ?? 0) + (c.ipOut ?? 0), 0);
  };
  const { clock } = lab;
  const deadline = clock.now() + 2e9;
  let before = -1;
  for (let now = await moved(); now !== before; now = await moved()) {
    if (clock.now() >= deadline) return false;
    before = now;
    await clock.sleep(50);
  }
  return true;
}

/** `settled`: nothing moved while they were read. */
export async function recordCounters(
  { record, lab, balancer }: Deployment,
  moment: "before" | "after",
  settled = true,
): Promise<void> {
  for (const { name, values } of await readSettled(lab, balancer)) {
    const own = settled || !isTester(name) ? values : { ...values, unsettled: 1 };
    record.add({ kind: "counters", t: record.clock.now(), machine: name, moment, values: own });
  }
}

interface Read {
  name: string;
  values: Record<string, number>;
}

/** Health checks never rest for long: what is read in the middle of one was sent and has not arrived. */
async function readSettled(lab: Lab, balancer: Balancer): Promise<Read[]> {
  let read = await readAll(lab, balancer);
  const probes = () => read.reduce((sum, { values }) => sum + (values.probes ?? 0), 0);
  const deadline = lab.clock.now() + 3e9;
  for (let before = -1; balancer.waitForConvergence && before !== probes() && lab.clock.now() < deadline; ) {
    before = probes();
    read = await readAll(lab, balancer);
    const unsure = probes() - before;
    // On a busy machine there is always one: then it is known how many may be on their way.
    for (const one of read) if (one.name === lab.topology.routers[0]?.name) one.values["probes.unsure"] = unsure;
  }
  return read;
}

async function readAll(lab: Lab, balancer: Balancer): Promise<Read[]> {
  const routers = new Set(lab.topology.routers.map(({ name }) => name));
  const { machines } = lab.topology;
  const readSome = (some: readonly Machine[]) =>
    Promise.all(
      some.map(async ({ name }) => {
        const own = await readCounters(lab, name);
        return { name, values: routers.has(name) ? { ...own, ...(await balancer.counters(name)) } : own };
      }),
    );
  // Routers last: what they have sent by then, and not since they were read before, has arrived.
  return [
    ...(await readSome(machines.filter(({ name }) => !routers.has(name)))),
    ...(await readSome(machines.filter(({ name }) => routers.has(name)))),
  ];
}
