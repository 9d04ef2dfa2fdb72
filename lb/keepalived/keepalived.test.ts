// SPDX-License-Identifier: Apache-2.0

import test from "ava";
import { planTopology } from "../../harness/api/index.ts";
import { parseBackendOptions } from "../../harness/testing/lab.ts";
import { configuration } from "./config.ts";
import { isInUse } from "./in-use.ts";
import { keepalived } from "./keepalived.ts";
import { longestS, type Options, options } from "./options.ts";

const topology = planTopology({ targets: 3, routers: 1 });
const given = (over: Record<string, string> = {}): Options => options.parse(over);

function configured(over: Record<string, string>, listed: number[], active = listed): string[] {
  return configuration(topology, given(over), { name: "vm-201", listed, active })
    .split("\n")
    .map((line) => line.trim());
}

test("one file has the services of both families, and its targets in rising order with their checks", (t) => {
  const lines = configured({ scheduler: "mh", port: "true", persistence: "60", retries: "2" }, [2, 0, 1]);
  t.is(lines.filter((line) => line.startsWith("virtual_server")).length, 10);
  t.is(lines.filter((line) => line === "TCP_CHECK {").length, 10 * 3);
  t.is(lines.filter((line) => line.includes("{")).length, lines.filter((line) => line === "}").length);
  const first = lines.slice(lines.indexOf("virtual_server 10.0.0.0 5001 {"));
  t.deepEqual(first.slice(1, 11), [
    "protocol TCP",
    "lvs_sched mh",
    "mh-port",
    "lvs_method DR",
    "persistence_timeout 60",
    "delay_loop 2",
    "warmup 0",
    "connect_timeout 1",
    "retry 2",
    "delay_before_retry 0.5",
  ]);
  t.deepEqual(
    first.filter((line) => line.startsWith("real_server")).slice(0, 3),
    [1, 2, 3].map((n) => `real_server 192.168.1.${n} 5001 {`),
  );
  t.true(lines.includes("virtual_server 1000:: 6003 {"));
  t.true(lines.includes("real_server 1000::1:192.168.1.3 6003 {"));
});

test("a target that is drained has weight 0, others their own", (t) => {
  const weights = configured({ scheduler: "wrr", weights: "5,1,7", leave: "drain" }, [0, 1, 2], [1, 2]).filter((line) =>
    line.startsWith("weight"),
  );
  t.deepEqual(weights.slice(0, 3), ["weight 0", "weight 1", "weight 7"]);
});

test("with a firewall mark there is one service for each family, and targets have no port", (t) => {
  const lines = configured({ fwmark: "true", forward: "tun" }, [0]);
  t.deepEqual(
    lines.filter((line) => line.startsWith("virtual_server")),
    ["virtual_server fwmark 4 {", "virtual_server fwmark 6 {"],
  );
  t.true(lines.includes("real_server 192.168.1.1 {"));
  t.true(lines.includes("ip_family inet6"));
  t.true(lines.includes("lvs_method TUN"));
});

test("what is in use is read from the kernel's table, in both families", (t) => {
  const table = (v4: number, v6: number) =>
    [
      "-A -t 10.0.0.0:5001 -s rr",
      "-a -t 10.0.0.0:5001 -r 192.168.1.2:5001 -g -w 3",
      `-a -t 10.0.0.0:5001 -r 192.168.1.1:5001 -m -w ${v4}`,
      "-A -t [1000::]:5001 -s rr",
      "-a -t [1000::]:5001 -r [1000::1:c0a8:102]:5001 -i -w 1 --tun-type ipip",
      `-a -t [1000::]:5001 -r [1000::1:c0a8:101]:5001 -g -w ${v6}`,
    ].join("\n");
  t.true(isInUse(table(1, 1), topology, 1, { in: [0, 1], out: [2] }));
  t.false(isInUse(table(1, 1), topology, 2, { in: [0], out: [] }), "of two services one");
  t.false(isInUse(table(1, 1), topology, 1, { in: [0, 1, 2], out: [] }));
  t.false(isInUse(table(1, 1), topology, 1, { in: [0], out: [1] }));
  t.true(isInUse(table(0, 0), topology, 1, { in: [1], out: [0, 2] }), "a weight of 0 is no use");
  t.false(isInUse(table(0, 1), topology, 1, { in: [1], out: [0] }));
  t.false(isInUse(table(0, 1), topology, 1, { in: [0, 1], out: [] }));
});

test("the longest time until a dead target is found follows from the options", (t) => {
  t.is(longestS(given()), 4.5);
  t.is(longestS(given({ delayLoop: "6", connectTimeout: "2", retries: "3", delayBeforeRetry: "1" })), 17);
});

test("options that do not fit are refused, IPVS' own among them", (t) => {
  const facts = (...words: string[]) => keepalived.effectiveOptions(parseBackendOptions(keepalived, words), 3);
  t.throws(() => facts("delayLoop=0"), { message: /Invalid value '0' for --set delayLoop/ });
  t.throws(() => facts("retries=1.5"), { message: /Invalid value '1.5' for --set retries/ });
  t.throws(() => facts("vrrp=true"), { message: /has no option 'vrrp'. It has: .*retries/ });
  t.throws(() => facts("port=true"), { message: /options of the schedulers sh and mh/ });
  t.throws(() => facts("weights=1,2", "scheduler=wrr"), { message: /there are 3 targets/ });
  t.like(facts("delayLoop=0.5"), { delayLoop: 0.5, connectTimeout: 1, scheduler: "rr", forward: "dsr" });
});
