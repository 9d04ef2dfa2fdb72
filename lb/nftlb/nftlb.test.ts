// SPDX-License-Identifier: Apache-2.0

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { planTopology } from "../../harness/api/index.ts";
import { parseBackendOptions } from "../../harness/testing/lab.ts";
import { farmsFor, fileOf, statesOf, weightsOf, withStates } from "./farms.ts";
import { nftlb } from "./nftlb.ts";
import { options, settle } from "./options.ts";

const topology = planTopology({ targets: 3, routers: 1 });
const settings = (given: Record<string, string> = {}) => settle(options.parse(given), 3)[0];

test("there is a farm for each family and protocol, with every target", (t) => {
  const farms = farmsFor(topology, settings({ scheduler: "hash", weights: "1,2,3", priorities: "1,1,2" }));
  t.deepEqual(
    farms.map(({ name }) => name),
    ["vip4-tcp", "vip4-udp", "vip6-tcp", "vip6-udp"],
  );
  t.like(farms[0], { "virtual-addr": "10.0.0.0", mode: "dnat", scheduler: "hash", "sched-param": "srcip srcport" });
  t.like(farms[2]?.backends[2], { name: "vm-003", "ip-addr": "1000::1:c0a8:103", weight: "3", priority: "2" });
});

test("states are by index, and a request names only what changes", (t) => {
  const farms = farmsFor(topology, settings());
  const states = (list: typeof farms) => list[2]?.backends.map(({ state }) => state);
  t.deepEqual(states(withStates(topology, farms, [0, 2])), ["up", "down", "up"]);
  const body = statesOf(topology, farms, [0, 2], [1]);
  t.deepEqual(body.farms[0], {
    name: "vip4-tcp",
    backends: [{ name: "vm-002", "ip-addr": "192.168.1.2", state: "down" }],
  });
  t.is(body.farms.length, 4);
  const weighed = weightsOf(topology, farms, [1, 1, 3]);
  t.deepEqual(weighed.farms[2]?.backends[2], { name: "vm-003", "ip-addr": "1000::1:c0a8:103", weight: "3" });
});

test("the oracle knows that the hash has a new seed with each rule, and nftlb's order of standby targets", (t) => {
  const oracle = (...words: string[]) => nftlb.oracle(parseBackendOptions(nftlb, words), 3, "tcp");
  t.deepEqual(oracle("mode=dsr", "keys=srcip"), { strategy: "redrawn", bySource: true });
  t.like(oracle("scheduler=hash", "priorities=1,1,2"), {
    strategy: "stateful",
    assign: { strategy: "redrawn", bySource: false, priorities: [1, 1, 2], standby: "nftlb" },
  });
  t.like(oracle(), { strategy: "stateful", flush: true, assign: null });
});

test("what nftlb can do per packet only is not refused, and stateless DNAT is", (t) => {
  const facts = (...words: string[]) => nftlb.effectiveOptions(parseBackendOptions(nftlb, words), 3);
  t.like(facts("mode=dsr", "scheduler=rr"), { mode: "dsr", scheduler: "rr" });
  t.throws(() => facts("mode=stateless_dnat"), { message: /Invalid value 'stateless_dnat' for --set mode/ });
  t.throws(() => facts("hashSeed=3"), { message: /has no option 'hashSeed'/ });
});

test("a file is handed over whole, without its machine's wiring, and with numbers as texts", (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), "nftlb-file-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const file = path.join(dir, "farms.json");
  const backends = [{ name: "b", "ip-addr": "192.168.1.1", priority: 2, "ether-addr": "02:00:00:00:00:01" }];
  const farms = [{ name: "web", iface: "eth7", "persist-ttl": 9, backends }, { name: "empty" }];
  writeFileSync(file, JSON.stringify({ farms, policies: [{ name: "p" }] }));
  t.deepEqual(fileOf(file), {
    farms: [
      { name: "web", "persist-ttl": "9", backends: [{ name: "b", "ip-addr": "192.168.1.1", priority: "2" }] },
      { name: "empty", backends: [] },
    ],
    policies: [{ name: "p" }],
  });
});
