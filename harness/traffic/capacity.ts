// How many connections a second a lab carries.
import type { Capacity, Lab } from "../runtime/runtime.ts";
import { linkOn, SOURCES, VIP } from "../topology/topology.ts";
import { PORT, startServers } from "./traffic.ts";

/** Makes, answers and closes so many IPv4 connections to the first target, by a plain route of the first router. */
export async function measureCapacity(lab: Lab, connections: number): Promise<Capacity> {
  const { targets, routers, tester } = lab.topology;
  const via = targets[0] ? linkOn(targets[0], "net1").ipv4 : "";
  await lab.host(routers[0]?.name ?? "").exec(["ip", "route", "add", `${VIP[4]}/32`, "via", via]);
  await startServers(lab);
  const load = ["--connections", `${connections}`, "--src", SOURCES[4], "--seed", "1", "--output", "json"];
  const begin = performance.now();
  await lab
    .host(tester.name)
    .exec([lab.program("traffic"), "connect", "--address", `${VIP[4]}:${PORT.connect}`, ...load], {
      timeoutMs: 60_000,
    });
  return { connectionsPerS: Math.round((connections * 1000) / (performance.now() - begin)) };
}
