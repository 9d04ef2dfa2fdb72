// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { planTopology } from "./topology.ts";
import { fabricBatch, machineBatch, rerouteBatch } from "./wiring.ts";

test("names and addresses are those of the lab's plan", (t) => {
  const { targets, routers, tester } = planTopology({ targets: 2, routers: 2 });
  t.deepEqual(
    targets.map((m) => m.name),
    ["vm-001", "vm-002"],
  );
  t.is(tester.name, "vm-221");
  t.deepEqual(routers[1]?.links, [
    { net: "net1", device: "eth1", mac: "00:00:00:01:01:ca", ipv4: "192.168.1.202", ipv6: "1000::1:192.168.1.202" },
    { net: "net2", device: "eth2", mac: "00:00:00:01:02:ca", ipv4: "192.168.2.202", ipv6: "1000::1:192.168.2.202" },
  ]);
});

test("names, addresses and MACs stay unique up to 1000 targets and 9 routers", (t) => {
  const { machines } = planTopology({ targets: 1000, routers: 9 });
  for (const of of [
    machines.map((m) => m.name),
    machines.flatMap((m) => m.links.map((l) => l.mac)),
    machines.flatMap((m) => m.links.map((l) => l.ipv4)),
  ])
    t.is(new Set(of).size, of.length);
});

test("no interface name is longer than the kernel's 15 characters", (t) => {
  const topology = planTopology({ targets: 1000, routers: 9 });
  for (const [, name] of fabricBatch(topology, (m) => m.name).matchAll(/link add name (\S+)/g))
    t.true((name ?? "").length <= 15, name);
});

test("the tester and the targets reach everything through the routers, whichever are left", (t) => {
  const topology = planTopology({ targets: 1, routers: 2 });
  const [target] = topology.targets;
  if (!target) return t.fail();
  t.regex(
    machineBatch(topology, target),
    /route add 0\.0\.0\.0\/0 nexthop via 192\.168\.1\.201 nexthop via 192\.168\.1\.202/,
  );
  t.is(
    rerouteBatch(topology.tester, topology.routers.slice(0, 1)),
    "route replace 10.0.0.0/29 nexthop via 192.168.2.201\nroute replace 1000::/125 nexthop via 1000::1:192.168.2.201\n",
  );
});

test("a squeezed lab has a machine between routers and tester, whose way to the tester alone is narrow", (t) => {
  const topology = planTopology({ targets: 1, routers: 2, squeezeMtu: 1300 });
  const { squeeze, tester, routers } = topology;
  if (!squeeze || !routers[0]) return t.fail();
  t.is(squeeze.machine.name, "vm-222");
  t.deepEqual(
    tester.links.map((link) => [link.net, link.ipv4]),
    [["net3", "192.168.3.221"]],
  );
  const between = machineBatch(topology, squeeze.machine);
  t.regex(between, /route add 50\.0\.0\.0\/16 via 192\.168\.3\.221 mtu lock 1300/);
  t.regex(between, /route add 10\.0\.0\.0\/29 nexthop via 192\.168\.2\.201 nexthop via 192\.168\.2\.202/);
  t.regex(machineBatch(topology, tester), /route add 10\.0\.0\.0\/29 nexthop via 192\.168\.3\.222/);
  t.regex(machineBatch(topology, routers[0]), /route add 50\.0\.0\.0\/16 via 192\.168\.2\.222/);
  t.notRegex(
    fabricBatch(planTopology({ targets: 1, routers: 1 }), (m) => m.name),
    /net3/,
  );
});
