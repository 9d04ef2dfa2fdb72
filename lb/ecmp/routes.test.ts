// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { type Host, planTopology } from "../../harness/api/index.ts";
import { parseBackendOptions } from "../../harness/testing/lab.ts";
import { ecmp } from "./ecmp.ts";
import { changeRoutes } from "./routes.ts";

test("a route is added with the first target, changed with others, and goes with the last one", async (t) => {
  const topology = planTopology({ targets: 3, routers: 1 });
  const said: string[] = [];
  const host = {
    exec: async (_: readonly string[], { input }: { input: string }) => void said.push(...input.trim().split("\n")),
  } as unknown as Host;
  const change = (next: number[], before: number[]) =>
    changeRoutes(host, { topology, services: 0 }, (index) => index + 1, { next, before });
  await change([2, 0], []);
  await change([1], [0, 2]);
  await change([], [1]);
  await change([], []);
  t.deepEqual(
    said.filter((line) => line.includes("10.0.0.0/29")),
    [
      "route add 10.0.0.0/29 nexthop via 192.168.1.1 dev eth1 weight 1 nexthop via 192.168.1.3 dev eth1 weight 3",
      "route change 10.0.0.0/29 nexthop via 192.168.1.2 dev eth1 weight 2",
      "route del 10.0.0.0/29",
    ],
  );
  t.is(said.filter((line) => line.includes("1000::/125")).length, 3);
});

test("ip(8) has no room for very many next hops in a route", (t) => {
  const facts = (targets: number) => ecmp.effectiveOptions(parseBackendOptions(ecmp, ["nexthops=route"]), targets);
  t.like(facts(120), { nexthops: "route" });
  t.throws(() => facts(121), { message: /takes 120 targets at most, not 121/ });
});
