// SPDX-License-Identifier: Apache-2.0

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { type Host, planTopology } from "../../harness/api/index.ts";
import { netns, parseBackendOptions } from "../../harness/testing/lab.ts";
import { keepalived } from "../keepalived/keepalived.ts";
import { ipvs, ipvsOracle } from "./ipvs.ts";
import { type Options, options } from "./options.ts";
import { readStats, replyCheck } from "./stats.ts";
import { changed, installed } from "./table.ts";

const topology = planTopology({ targets: 3, routers: 1 });
const given = (over: Record<string, string> = {}): Options => options.parse(over);

test("the table has a service for each port and family, and its targets in rising order", (t) => {
  const lines = installed(topology, given({ scheduler: "mh", port: "true", persistence: "60" }), [2, 0, 1]).split("\n");
  t.is(lines.filter((line) => line.startsWith("-A")).length, 10);
  t.true(lines.includes("-A -u 10.0.0.0:5001 -s mh -b mh-port -p 60"));
  t.true(lines.includes("-A -t 10.0.0.0:5001 -s mh -b mh-port -p 60"));
  const targets = lines.filter((line) => line.startsWith("-a -t 10.0.0.0:5001"));
  t.deepEqual(
    targets,
    [1, 2, 3].map((n) => `-a -t 10.0.0.0:5001 -r 192.168.1.${n}:5001 -g -w 1`),
  );
  t.true(lines.some((line) => line.startsWith("-a -t [1000::]:5001 -r [1000::1:192.168.1.1]:5001 -g")));
});

test("where targets serve SCTP, the table has services for it", (t) => {
  const lines = installed(planTopology({ targets: 1, routers: 1, sctp: true }), given({ ops: "true" }), [0]).split(
    "\n",
  );
  t.true(lines.includes("-A --sctp-service 10.0.0.0:5003 -s rr"));
  t.true(lines.includes("-a --sctp-service 10.0.0.0:5001 -r 192.168.1.1:5001 -g -w 1"));
});

test("one-packet scheduling is for the services that take UDP", (t) => {
  const lines = installed(topology, given({ ops: "true" }), [0]).split("\n");
  t.true(lines.includes("-A -u 10.0.0.0:5001 -s rr -o"));
  t.true(lines.includes("-A -t 10.0.0.0:5001 -s rr"));
  t.regex(installed(topology, given({ ops: "true", fwmark: "true" }), [0]), /^-A -f 4 -s rr -o$/m);
  t.throws(() => ipvs.effectiveOptions(given({ ops: "true", forward: "masq" }), 3), {
    message: /nobody knows to whom/,
  });
});

test("one-packet scheduling remembers no UDP flow: a hash keeps it where it is, turns do not", (t) => {
  const oracle = (over: Record<string, string>, protocol: "tcp" | "udp" = "udp") =>
    ipvsOracle(given({ ops: "true", ...over }), 3, protocol);
  t.is(oracle({ scheduler: "mh", port: "true" }).strategy, "ipvs");
  t.like(oracle({}), { strategy: "stateful", memory: { timeoutS: { udp: 0 } } });
  t.like(oracle({}, "tcp"), { memory: { timeoutS: { tcp: 900 } } }, "TCP is remembered");
});

test("time-outs are the oracle's, too", (t) => {
  t.like(ipvsOracle(given({ timeouts: "5,0,7" }), 3, "tcp"), {
    memory: { timeoutS: { tcp: 5, udp: 7 }, again: false },
  });
  t.like(ipvsOracle(given(), 3, "tcp"), { memory: { timeoutS: { tcp: 900, udp: 300 } } }, "the kernel's own");
  t.like(ipvsOracle(given({ timeouts: "5,0,0", sloppyTcp: "true" }), 3, "tcp"), { memory: { again: true } });
});

test("with a firewall mark there is one service for each family", (t) => {
  const text = installed(topology, given({ fwmark: "true", forward: "tun" }), [0]);
  t.regex(text, /^-A -f 4 -s rr$/m);
  t.regex(text, /^-A -f 6 -6 -s rr$/m);
  t.regex(text, /^-a -f 4 -r 192\.168\.1\.1:0 -i -w 1$/m);
});

test("further services stand before the VIP's, with the first targets, and changes are the VIP's alone", (t) => {
  const text = installed(topology, given({ forward: "masq" }), [0, 1], 2);
  const added = text.split("\n").filter((line) => /^-A -t \S+:5001 /.test(line));
  t.deepEqual(
    added.map((line) => line.split(" ")[2]),
    ["10.1.0.1:5001", "10.1.0.2:5001", "10.0.0.0:5001", "[1000::2:1]:5001", "[1000::2:2]:5001", "[1000::]:5001"],
  );
  t.regex(text, /^-a -t 10\.1\.0\.2:5003 -r 192\.168\.1\.2:5003 -m -w 1$/m);
  t.notRegex(changed(topology, given(), [0], [0, 1]), /10\.1\.|1000::2:/);
  const marked = installed(topology, given({ fwmark: "true" }), [0], 2);
  for (const mark of [20, 36, 4]) t.regex(marked, new RegExp(`^-A -f ${mark} -s rr$`, "m"));
  for (const mark of [22, 38, 6]) t.regex(marked, new RegExp(`^-A -f ${mark} -6 -s rr$`, "m"));
});

test("a target that leaves is removed, or drained with weight 0 and given its own again", (t) => {
  const tcp = (text: string) => text.split("\n").filter((line) => line.includes("10.0.0.0:5003"));
  t.deepEqual(tcp(changed(topology, given(), [1, 2], [0, 1, 2])), ["-d -t 10.0.0.0:5003 -r 192.168.1.1:5003"]);
  const draining = given({ leave: "drain", forward: "masq", scheduler: "wrr", weights: "5,1,1" });
  t.deepEqual(tcp(changed(topology, draining, [1, 2], [0, 1, 2])), ["-e -t 10.0.0.0:5003 -r 192.168.1.1:5003 -m -w 0"]);
  t.deepEqual(tcp(changed(topology, draining, [0, 1, 2], [1, 2])), ["-e -t 10.0.0.0:5003 -r 192.168.1.1:5003 -m -w 5"]);
});

test("options that do not fit together are told", (t) => {
  const facts = (over: Record<string, string>) => () => ipvs.effectiveOptions(given(over), 3);
  t.throws(facts({ port: "true" }), { message: /options of the schedulers sh and mh/ });
  t.throws(facts({ masquerade: "true" }), { message: /goes with forward=masq/ });
  t.throws(facts({ weights: "1,2,3" }), { message: /'rr' does not look at weights/ });
  t.throws(facts({ weights: "1,2", scheduler: "wrr" }), { message: /there are 3 targets/ });
  t.throws(() => parseBackendOptions(ipvs, ["scheduler=best"]), {
    message: /Invalid value 'best' for --set scheduler: /,
  });
});

test("xcluster's variable chooses how packets are forwarded", (t) => {
  t.deepEqual(ipvs.environment?.({ xcluster_IPVS_SETUP: "masq" }), { forward: "masq" });
});

test("persistence ends when IPVS forgets the connections made by it, and a hash of the source never ends it", (t) => {
  const affinity = (over: Record<string, string>, protocol: "tcp" | "udp" = "tcp") => {
    const spec = ipvs.oracle(given(over), 3, protocol);
    return spec?.strategy === "stateful" ? spec.affinityS : null;
  };
  t.is(affinity({}), undefined);
  t.is(affinity({ persistence: "3", timeouts: "0,1,0" }), 3);
  t.is(affinity({ persistence: "3", timeouts: "0,1,0" }, "udp"), "always");
  t.is(affinity({ persistence: "3", timeouts: "0,0,1" }), "always");
  t.is(affinity({ persistence: "200" }), 200);
  t.is(affinity({ persistence: "3", timeouts: "0,1,1", forward: "masq" }), "always", "TIME_WAIT cannot be set");
  t.is(affinity({ persistence: "3", timeouts: "0,1,1", forward: "masq" }, "udp"), 3);
  t.is(affinity({ persistence: "3", timeouts: "0,1,1", scheduler: "mh" }), "always");
  t.is(affinity({ persistence: "3", timeouts: "0,1,1", scheduler: "mh", port: "true" }), 3);
  t.throws(() => given({ timeouts: "900" }), { message: /write seconds such as 900,120,300/ });
});

/** A machine's kernel, as the programs that try it see it: `says` is a shell script in ipvsadm's place. */
function withKernel(says: string): void {
  const bin = mkdtempSync(path.join(tmpdir(), "load-balancer-ipvs-"));
  const programs = {
    ipvsadm: says,
    unshare: 'until [ "$1" = --net ]; do shift; done; shift; exec "$@"',
    "iptables-restore": "",
    keepalived: "",
  };
  for (const [name, script] of Object.entries(programs))
    writeFileSync(path.join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  process.env.PATH = `${bin}:/usr/bin:/bin`;
}

test.serial("where the kernel has IPVS it runs in netns; else it says what is missing and the remedy", async (t) => {
  const { PATH } = process.env;
  t.teardown(() => {
    process.env.PATH = PATH;
  });
  withKernel("exit 0");
  for (const backend of [ipvs, keepalived]) t.deepEqual(await backend.missing(netns, backend.options.parse({})), []);
  withKernel('echo "Can\'t initialize ipvs: Protocol not available" >&2; exit 1');
  for (const backend of [ipvs, keepalived])
    t.regex(
      (await backend.missing(netns, backend.options.parse({})))[0] ?? "",
      /^This kernel has no IPVS .*\(Can't initialize ipvs.*\)\. Run 'modprobe -a ip_vs/,
    );
  withKernel('case "$*" in *"-s mh"*) echo "Scheduler not found: ip_vs_mh" >&2; exit 2;; esac');
  t.is((await ipvs.missing(netns, given({ scheduler: "rr" }))).length, 0);
  const [sentence, ...more] = await ipvs.missing(netns, given({ scheduler: "mh" }));
  t.regex(sentence ?? "", /no IPVS with the scheduler 'mh' \(Scheduler not found: ip_vs_mh\).*'--runtime vm'/);
  t.deepEqual(more, []);
});

function faults(forward: Options["forward"], after: Record<string, number>): string[] {
  const before = { "ipvs.in": 10, "ipvs.out": 0, "ipvs.from_targets": 5 };
  const found: string[] = [];
  const check = replyCheck("vm-201", forward, (sentence) => found.push(sentence));
  check(before);
  // A third reading tells nothing again.
  for (let i = 0; i < 2; i++) check({ ...before, ...after });
  return found;
}

test("replies that take the wrong way fail the run, told once", (t) => {
  t.deepEqual(faults("dsr", { "ipvs.in": 1010, "ipvs.from_targets": 12 }), []);
  t.regex(faults("dsr", { "ipvs.in": 1010, "ipvs.from_targets": 905 })[0] ?? "", /900 packets came from/);
  t.deepEqual(faults("masq", { "ipvs.in": 1010, "ipvs.out": 1000, "ipvs.from_targets": 1005 }), []);
  t.regex(faults("masq", { "ipvs.in": 1010, "ipvs.from_targets": 0 })[0] ?? "", /none of 1000 packets/);
});

test("IPVS' counters are read in their base, and what it drops in silence is what is left over", async (t) => {
  const text = (echoes: number) =>
    [
      "==> /proc/net/ip_vs_stats_percpu <==",
      "       Total Incoming Outgoing         Incoming         Outgoing",
      "CPU    Conns  Packets  Packets            Bytes            Bytes",
      "  0       1E       F0        0             ABCD                0",
      "  1        1        F        0                1                0",
      "  ~        0        0        0                0                0",
      "",
      "     Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s",
      "           0        0        0                0                0",
      "==> /proc/net/dev <==",
      "  eth1:    1000       4    0    0    0     0          0         0     5000     300    0    0    0     0       0          0",
      "  eth2:    9000     300    0    0    0     0          0         0     5000     300    0    0    0     0       0          0",
      "Tcp: RtoAlgorithm InSegs OutSegs RetransSegs OutRsts",
      "Tcp: 1 12 20 2 7",
      "Icmp: InMsgs InEchos",
      `Icmp: 9 ${echoes}`,
      "==> /proc/net/dev_snmp6/eth1 <==",
      "Ip6InMcastPkts                  	1",
      "==> /proc/net/dev_snmp6/eth2 <==",
      "Ip6InMcastPkts                  	3",
    ].join("\n");
  const host = (echoes: number) => ({ exec: () => Promise.resolve({ stdout: text(echoes) }) }) as unknown as Host;
  const common = {
    "ipvs.connections": 31,
    "ipvs.in": 255,
    "ipvs.out": 0,
    probes: 15,
    "drop.refused_by_router": 7,
  };
  // Of five others three came from the targets: answers to health checks.
  t.deepEqual(await readStats(host(0), { dropsSilently: true, checksHealth: true }), {
    ...common,
    "ipvs.from_targets": 1,
    "drop.reset_of_unknown": 2,
    "drop.target_removed": 33,
  });
  // Without health checks all five are resets for connections that it does not know.
  t.deepEqual(await readStats(host(0), { dropsSilently: true, checksHealth: false }), {
    ...common,
    "ipvs.from_targets": 4,
    "drop.reset_of_unknown": 5,
    "drop.target_removed": 30,
  });
  t.like(await readStats(host(3), { dropsSilently: true, checksHealth: false }), { "ipvs.from_targets": 1 });
});
