// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { planTopology } from "../../topology/topology.ts";
import { LabError } from "../runtime.ts";
import { crossings, fittingMtu, neighboursBatch, portsBatch, tunnelBatch, vniBase, type Way } from "./join.ts";

const topology = { ...planTopology({ targets: 1, routers: 1 }), mtu: 1450 };
const way = (to: number): Way => ({ to, local: "10.0.0.9", remote: `10.0.0.${to}`, mtu: 1500 });
const tunnels = (node: number, others: readonly number[], random = 0) =>
  tunnelBatch(topology, { node, ways: others.map(way), base: vniBase(random), port: 4789, netns: "42" });
const ids = (text: string) => [...text.matchAll(/ id (\d+) /g)].map(([, id]) => Number(id));

test("both ends of a tunnel have its identifier, and no two tunnels of a lab the same", (t) => {
  t.deepEqual(ids(tunnels(0, [1])), ids(tunnels(1, [0])));
  const all = ids([...Array(63).keys()].map((i) => tunnels(63, [i]) + tunnels(62, i < 62 ? [i] : [])).join(""));
  t.is(new Set(all).size, all.length);
  // 24 bits, above those that Docker gives its own networks, and apart from those of other labs.
  for (const id of [...all, ...ids(tunnels(62, [63], 0x1ff))]) t.true(id > 0x80_00_00 && id < 2 ** 24);
  const [highest = 0] = all.sort((a, b) => b - a);
  t.true(highest < vniBase(1));
});

test("tunnels go by the nodes' own addresses and end with the fabric", (t) => {
  const [line] = tunnels(0, [1]).split("\n");
  t.is(
    line,
    `link add name net1-n2 mtu 1450 netns 42 type vxlan id ${vniBase(0) + 1} local 10.0.0.9 remote 10.0.0.1 dstport 4789 srcport 49152 49216 nolearning`,
  );
  t.regex(
    portsBatch(topology, [way(1)]),
    /link set net2-n2 master net2\nlink set dev net2-n2 type bridge_slave isolated on\n/,
  );
  const twoWays = { ...planTopology({ targets: 1, routers: 1, paths: 2, front: true }), mtu: 1450 };
  const of = (i: number) => tunnelBatch(twoWays, { node: i, ways: [way(1 - i)], base: 0, port: 4789, netns: "42" });
  t.deepEqual(ids(of(0)), [1, 2, 3, 4, 5]);
  t.deepEqual(ids(of(1)), ids(of(0)));
  t.is(neighboursBatch([[topology.tester, 2]]), "fdb replace 00:00:00:01:02:dd dev net2-n3 master static\n");
});

test("what fits is what the narrowest way leaves after the tunnel's headers", (t) => {
  const notes: string[] = [];
  const fitting = (asked: number | undefined, ...ways: Way[]) => fittingMtu(asked, ways, (text) => notes.push(text));
  t.is(fitting(undefined, way(1), { ...way(2), mtu: 9000 }), 1450);
  t.is(fitting(undefined, { ...way(1), remote: "fd00::1" }), 1430);
  t.deepEqual(
    notes.map((text) => text.slice(0, 25)),
    ["links have an MTU of 1450", "links have an MTU of 1430"],
  );
  t.is(fitting(undefined, { ...way(1), mtu: 9000 }), 1500);
  t.is(fitting(8950, { ...way(1), mtu: 9000 }), 8950);
  t.is(fitting(undefined), 1500, "one node has no tunnel");
});

test("links that do not fit between the nodes, and too little for IPv6, are sentences", (t) => {
  const fitting = (asked: number | undefined, mtu: number) => fittingMtu(asked, [{ ...way(1), mtu }], () => {});
  t.throws(() => fitting(1500, 1500), {
    instanceOf: LabError,
    message: /Links of 1500 bytes do not fit.*1450 bytes do/,
  });
  t.throws(() => fitting(undefined, 1300), { message: /IPv6 needs links of 1280 .*1250 bytes do.*links by 30\./ });
  t.throws(() => fitting(1250, 1300), { message: /IPv6 needs/ });
});

test("packets between nodes are told for each way of each pair", (t) => {
  const table = (ports: Record<string, [rx: number, tx: number]>) =>
    Object.entries(ports)
      .map(([name, [rx, tx]]) => `  ${name}: 0 ${rx} 0 0 0 0 0 0 0 ${tx} 0 0 0 0 0 0`)
      .join("\n");
  const tables = [
    table({ "net1-n2": [5, 7], "net2-n2": [1, 2], "vm-001.1": [100, 100] }),
    table({ "net1-n1": [7, 5], "net2-n1": [0, 1] }),
  ];
  t.deepEqual(crossings(tables, ["net1", "net2"]), [
    { from: 0, to: 1, sent: 9, received: 7 },
    { from: 1, to: 0, sent: 6, received: 6 },
  ]);
});
