// SPDX-License-Identifier: Apache-2.0
// What the rules do to packets beyond the scenarios: other ports, connections of the router itself, port lists, many targets, drain.

import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import test, { type ExecutionContext } from "ava";
import {
  type Balancer,
  FAMILIES,
  type Lab,
  planTopology,
  SOURCES,
  startProgram,
  TOOLS,
  VIP,
} from "../../harness/api/index.ts";
import { missingOf, netns, parseBackendOptions, startServers } from "../../harness/testing/lab.ts";
import { isSkipped } from "../../harness/testing/skip.ts";
import { backends } from "../index.ts";
import { restore } from "../iptables/generations.ts";

const CONNECTIONS = 60;
const address = (family: 4 | 6, port: number) => (family === 4 ? `${VIP[4]}:${port}` : `[${VIP[6]}]:${port}`);

interface Deployed {
  lab: Lab;
  balancer: Balancer;
}

/** A lab of three targets with this backend on its router; without what the backend needs the test says so and does nothing. */
function withBackend(
  title: string,
  name: string,
  words: string[],
  action: (t: ExecutionContext, d: Deployed) => Promise<void>,
) {
  test.serial(title, async (t) => {
    const backend = backends.find((one) => one.name === name);
    if (!backend) return t.fail();
    const options = parseBackendOptions(backend, words);
    if (isSkipped(t, [...(await netns.missing()), ...(await backend.missing(netns, options))])) return;
    const lab = await netns.up(planTopology({ targets: 3, routers: 1 }), new AbortController().signal);
    try {
      await action(t, { lab, balancer: await backend.deploy(lab, options, [0, 1, 2]) });
    } finally {
      await lab[Symbol.asyncDispose]();
    }
  });
}

/** How many connections each target answered; {} when none got through. */
async function ask(
  lab: Lab,
  machine: string,
  [family, port]: readonly [family: 4 | 6, port: number],
  more: string[] = [],
): Promise<Record<string, number>> {
  const argv = ["connect", "--address", address(family, port), "--connections", `${CONNECTIONS}`, "--output", "json"];
  const { stdout } = await lab
    .host(machine)
    .exec([lab.program("traffic"), ...argv, "--timeout", "1s", ...more], { check: false });
  return (JSON.parse(stdout) as { hosts: Record<string, number> | null }).hosts ?? {};
}

const fromTester = (lab: Lab, family: 4 | 6, port: number, more: string[] = []) =>
  ask(lab, lab.topology.tester.name, [family, port], ["--src", SOURCES[family], ...more]);

const third = { "vm-001": CONNECTIONS / 3, "vm-002": CONNECTIONS / 3, "vm-003": CONNECTIONS / 3 };

/** Takes the VIP from the targets too: then it exists nowhere. */
async function forgetVip(lab: Lab): Promise<void> {
  const lines = `addr del ${VIP[4]}/32 dev lo\naddr del ${VIP[6]}/128 dev lo\n`;
  await Promise.all(
    lab.topology.targets.map(({ name }) => lab.host(name).exec(["ip", "-batch", "-"], { input: lines })),
  );
}

withBackend(
  "targetPort sends a connection to another port of a target, over TCP and UDP, with a VIP that exists nowhere",
  "iptables_statistic",
  ["targetPort=8080"],
  async (t, { lab }) => {
    await forgetVip(lab);
    for (const { name } of lab.topology.targets) {
      const argv = [lab.program("traffic"), "serve", "--name", name, "--connect-port", "8080"];
      await startProgram(lab.host(name), argv, "listening");
    }
    for (const family of FAMILIES)
      for (const protocol of [[], ["--udp"]]) t.deepEqual(await fromTester(lab, family, 5001, protocol), third);
  },
);

for (const name of ["iptables_statistic", "iptables_recent"]) {
  withBackend(
    `${name}: local=true balances the router's own connections to a VIP that exists nowhere`,
    name,
    ["local=true"],
    async (t, { lab }) => {
      await startServers(lab);
      await forgetVip(lab);
      for (const family of FAMILIES) {
        const hosts = await ask(lab, "vm-201", [family, 5001]);
        t.is(
          Object.values(hosts).reduce((sum, n) => sum + n, 0),
          CONNECTIONS,
        );
        if (name === "iptables_statistic") t.deepEqual(hosts, third);
      }
    },
  );
  withBackend(`${name}: with local=false they go nowhere`, name, ["local=false"], async (t, { lab }) => {
    await startServers(lab);
    for (const family of FAMILIES) {
      t.deepEqual(await ask(lab, "vm-201", [family, 5001]), {});
      t.is(Object.keys(await fromTester(lab, family, 5001)).length, 3);
    }
  });
}

for (const mode of ["dnat", "stateless_dnat", "dsr"])
  withBackend(
    `nftables, mode=${mode}: only the ports of the list are served`,
    "nftables",
    [`mode=${mode}`, "ports=5001,6000-6003"],
    async (t, { lab }) => {
      await startServers(lab);
      for (const family of FAMILIES) {
        const listed = await fromTester(lab, family, 5001);
        t.is(Object.keys(listed).length, 3);
        // The echo of one byte is the first letter of a name.
        t.deepEqual(await fromTester(lab, family, 6003, ["--udp"]), { v: CONNECTIONS });
        t.deepEqual(await fromTester(lab, family, 5003), {});
      }
    },
  );

withBackend(
  "a next-hop group takes a thousand members, and a bad one is told in the kernel's words",
  "ecmp",
  [],
  async (t, { lab }) => {
    const router = lab.host("vm-201");
    const ids = Array.from({ length: 1000 }, (_, i) => 30_000 + i);
    await router.exec(["ip", "-batch", "-"], { input: ids.map((id) => `nexthop add id ${id} blackhole\n`).join("") });
    // A blackhole can only be alone: so the targets' own next hops, and 1000 more that lead to one of them.
    const more = ids.map((id) => `nexthop replace id ${id} via 192.168.1.1 dev eth1\n`);
    await router.exec(["ip", "-batch", "-"], { input: more.join("") });
    await router.exec(["@nexthop-group"], { input: `replace 1 ${ids.map((id) => `${id},1`).join("/")}\n` });
    const { stdout } = await router.exec(["ip", "nexthop", "show", "id", "1"]);
    t.is(stdout.match(/3\d{4}/g)?.length, 1000);
    const wrong = async (input: string) => (await router.exec(["@nexthop-group"], { input, check: false })).stderr;
    t.regex(await wrong("replace 1 99999,1\n"), /kernel says 'Invalid nexthop id'/);
    t.regex(await wrong("replace 1 30000,300\n"), /Cannot read the group/);
    t.is((await router.exec(["ip", "nexthop", "show", "id", "1"])).stdout, stdout, "what was refused changed nothing");
  },
);

withBackend("rules of which one is refused leave nothing behind", "nftables", [], async (t, { lab }) => {
  const router = lab.host("vm-201");
  const rules = async () => (await router.exec(["nft", "list", "ruleset"])).stdout;
  const before = await rules();
  const bad =
    "*nat\n:LB-SERVICE - [0:0]\n-A LB-SERVICE -j DNAT --to-destination 192.168.1.1\n-A NO-CHAIN -j ACCEPT\nCOMMIT\n";
  const error = await t.throwsAsync(restore(router, 4, bad));
  t.regex(error?.message ?? "", /NO-CHAIN|line 4|failed/);
  t.is(await rules(), before);
  const lines = ["table inet other {", "chain one {", "}", "}", "add rule inet other two accept", ""];
  await t.throwsAsync(router.exec(["nft", "-f", "-"], { input: lines.join("\n") }));
  t.is(await rules(), before);
});

test("what the kernel lacks is named with the reason and the remedy, before anything is started", async (t) => {
  const [sentence, ...more] = await missingOf(
    {
      tools: [TOOLS.nft],
      kernel: [
        { what: "such match", argv: ["nft", "-f", "-"], input: "table inet probe { bogus }\n", remedy: "Load it." },
      ],
    },
    netns,
  );
  t.deepEqual(more, []);
  t.regex(sentence ?? "", /^This kernel has no such match \(.+\)\. Load it\.$/);
});

for (const name of ["iptables_statistic", "iptables_recent", "nftables"])
  for (const leave of ["drain", "flush"])
    withBackend(
      `${name}, leave=${leave}: what conntrack knows of a target that leaves`,
      name,
      [`leave=${leave}`],
      async (t, { lab, balancer }) => {
        await startServers(lab);
        const known = async (target: string) => {
          const { stdout } = await lab.host("vm-201").exec(["@read", "/proc/net/nf_conntrack"], { check: false });
          return stdout.split("\n").filter((line) => new RegExp(`src=\\S*${target} dst=\\S+ sport=5001`).test(line))
            .length;
        };
        for (const family of FAMILIES) await fromTester(lab, family, 5001);
        const before = await Promise.all([known("192.168.1.1"), known("c0a8:0101"), known("192.168.1.2")]);
        t.true(
          before.every((n) => n > 5),
          before.join(" "),
        );
        await balancer.setTargets([1, 2]);
        const kept = leave === "drain" ? before : [0, 0, before[2]];
        t.deepEqual(await Promise.all([known("192.168.1.1"), known("c0a8:0101"), known("192.168.1.2")]), kept);
        for (const family of FAMILIES)
          t.deepEqual(Object.keys(await fromTester(lab, family, 5001, ["--seed", "2"])).sort(), ["vm-002", "vm-003"]);
      },
    );

for (const [name, table] of [
  ["iptables_statistic", "nat"],
  ["iptables_recent", "nat"],
  ["iptables_hmark", "mangle"],
])
  for (const variant of ["nft", "legacy"])
    withBackend(
      `${name}, variant=${variant}: targets come and go, and nothing of earlier rules stays`,
      name ?? "",
      [`variant=${variant}`],
      async (t, { lab, balancer }) => {
        await startServers(lab);
        const router = lab.host("vm-201");
        for (const active of [[1, 2], [0], [0, 2]]) await balancer.setTargets(active);
        const left = async () => {
          const { stdout } = await router.exec([`iptables-${variant}-save`, "-t", table ?? ""]);
          const { stdout: marks } = await router.exec(["ip", "rule", "show", "pref", "100"]);
          return [
            new Set([...stdout.matchAll(/^:(LB-\S+)/gm)].map(([, chain]) => chain)),
            marks.split("\n").length - 1,
          ];
        };
        const chains = name === "iptables_recent" ? ["LB-SERVICE-4", "LB-TARGET-1", "LB-TARGET-3"] : ["LB-SERVICE-4"];
        const wanted = [new Set(chains), name === "iptables_hmark" ? 2 : 0];
        // What was there before is removed when the change has long been in force.
        for (let i = 0; i < 100 && !isDeepStrictEqual(await left(), wanted); i++) await setTimeout(50);
        t.deepEqual(await left(), wanted);
        for (const family of FAMILIES)
          t.deepEqual(Object.keys(await fromTester(lab, family, 5001)).sort(), ["vm-001", "vm-003"]);
      },
    );
