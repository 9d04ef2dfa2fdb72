// SPDX-License-Identifier: Apache-2.0
// How many connections a second a lab carries.
import type { Capacity, Lab } from "../runtime/runtime.ts";
import { linkOn, VIP } from "../topology/topology.ts";
import { clientWords } from "./client.ts";
import { PORT, startServers } from "./servers.ts";

/**
 * Makes, answers and closes so many IPv4 connections to the first target, by a plain route of the first router. The best of so many
 * times: what the machine can, not what it could while it was busy with something else.
 */
export async function measureCapacity(lab: Lab, connections: number, times = 1): Promise<Capacity> {
  const { targets, routers, tester } = lab.topology;
  const via = targets[0] ? linkOn(targets[0], "net1").ipv4 : "";
  await lab.host(routers[0]?.name ?? "").exec(["ip", "route", "add", `${VIP[4]}/32`, "via", via]);
  await startServers(lab);
  let leastMs = Number.POSITIVE_INFINITY;
  for (let seed = 1; seed <= times; seed++) {
    const begin = lab.clock.now() / 1e6;
    const argv = clientWords(lab, "connect", { family: 4, port: PORT.connect, seed });
    await lab
      .host(tester.name)
      .exec([...argv, "--connections", `${connections}`, "--output", "json"], { timeoutMs: 60_000 });
    leastMs = Math.min(leastMs, lab.clock.now() / 1e6 - begin);
  }
  return { connectionsPerS: Math.round((connections * 1000) / leastMs) };
}
