// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { onPath, secondPath } from "./paths.ts";
import { linkOn, planTopology } from "./topology.ts";
import { fabricBatch, machineBatch } from "./wiring.ts";

const topology = planTopology({ targets: 2, routers: 2, paths: 2, vips: 2, sctp: true });
const [target] = topology.targets;
const [router] = topology.routers;

test("with two paths each machine has two networks, and a router four", (t) => {
  t.deepEqual(
    [topology.tester, target, router].map((machine) => machine?.links.map(({ net }) => net)),
    [
      ["net2", "net5"],
      ["net1", "net4"],
      ["net1", "net2", "net4", "net5"],
    ],
  );
  t.is(target && linkOn(target, "net4").ipv4, "192.168.4.1");
  t.deepEqual(router && onPath(router, 1).links.map(({ device }) => device), ["eth4", "eth5"]);
  const made = fabricBatch(topology, ({ name }) => name);
  for (const net of ["net1", "net2", "net4", "net5"]) t.regex(made, new RegExp(`add name ${net} type bridge`));
  t.notRegex(made, /name net3/);
  t.regex(target ? machineBatch(topology, target) : "", /addr add 10\.0\.0\.1\/32 dev lo/);
});

test("the addresses of one path have no way by the other", (t) => {
  const { tester } = topology;
  t.deepEqual(secondPath(topology, tester, 4).trimEnd().split("\n"), [
    "route add local 51.0.0.0/16 dev lo",
    "route add 10.0.0.1 nexthop via 192.168.5.201 nexthop via 192.168.5.202",
    "rule add pref 50 from 50.0.0.0/16 to 10.0.0.1 prohibit",
    "rule add pref 50 from 51.0.0.0/16 to 10.0.0.0 prohibit",
  ]);
  t.deepEqual(target && secondPath(topology, target, 6).trimEnd().split("\n"), [
    "route add 2000::1:0/112 nexthop via 1000::1:192.168.4.201 nexthop via 1000::1:192.168.4.202",
    "rule add pref 50 from 1000::1 to 2000::/112 prohibit",
    "rule add pref 50 from 1000:: to 2000::1:0/112 prohibit",
  ]);
  t.is(router && secondPath(topology, router, 4), "route add 51.0.0.0/16 via 192.168.5.221\n");
});
