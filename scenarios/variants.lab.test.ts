// SPDX-License-Identifier: Apache-2.0
// What options of backends and scenarios make of a case, through the program, in small.
// Over 300 lines: one table of variants and its checks.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import type { Backend } from "../harness/api/backend.ts";
import { readLimits } from "../harness/host/limits.ts";
import type { Summary } from "../harness/record/schema.ts";
import { netns } from "../harness/runtime/netns.ts";
import { root, runMain } from "../harness/testing/machine.ts";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { backends } from "../lb/index.ts";
import { short } from "./short.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-variants-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

function run(t: ExecutionContext, name: string, args: readonly string[], connections = 1000) {
  const out = path.join(scratch, `${name}-${process.hrtime.bigint()}`);
  return runCase(t, name, ["--connections", `${connections}`, ...args], { out });
}

/** What this machine has not got is said, and is no failure; `./setup` brings most of it. */
const lacks = async (t: ExecutionContext, backend: Backend | undefined) =>
  isSkipped(t, (await backend?.missing(netns, backend.options.parse({}))) ?? []);

const affinities: [backend: string, words: string[]][] = [
  ["iptables_recent", ["seconds=2"]],
  ["iptables_recent", ["seconds=2", "form=flat"]],
  ["nftables", ["persistence=2"]],
];
for (const [name, words] of affinities)
  test.serial(
    `${name} with ${words.join(" and ")} keeps sources with their targets in time, and not for ever`,
    async (t) => {
      const { status, summary } = await run(
        t,
        `${name}_affinity`,
        words.flatMap((word) => ["--set", word]),
      );
      t.is(status, 0, summary.reasons.join("\n"));
      t.is(summary.connections.planned, 4 * 124);
      const { sources, inTime, late } = summary.affinity ?? {};
      t.is(sources, 124);
      t.is(inTime?.moved, 0);
      // On a busy machine a visit may last so long that some of it is in time and some is not.
      t.true((inTime?.visits ?? 0) > 200 && (late?.visits ?? 0) > 100, JSON.stringify(summary.affinity));
      t.true((late?.moved ?? 0) > 90, `${late?.moved}`);
    },
  );

test.serial("a strategy that keeps no source with its target has no affinity to show, and says so", async (t) => {
  const { status, summary } = await run(t, "ecmp_affinity", []);
  t.is(status, 77);
  t.regex(summary.reasons.join(), /keeps no source with its target/);
});

test.serial("large answers over UDP would be fragments, so that is a skip that says so", async (t) => {
  const { status, summary } = await run(t, "nfqueue_pmtu", ["--protocol", "udp"]);
  t.is(status, 77);
  t.deepEqual(summary.reasons, ["'pmtu' needs TCP: UDP answers of that size are fragments, which 'frag' has."]);
});

test.serial("a hash of addresses only is an affinity without end, predicted source by source", async (t) => {
  const { status, summary } = await run(t, "nftables_affinity", [
    "--set",
    "mode=dsr",
    "--set",
    "keys=srcip",
    "--at",
    "0.3",
  ]);
  t.is(status, 0, summary.reasons.join("\n"));
  t.is(summary.assigned.mispredicted, 0);
  t.deepEqual(summary.affinity?.inTime, { visits: 124, moved: 0 });
});

test.serial("SYN-only asks user space about one packet of each connection", async (t) => {
  const { status, summary } = await run(t, "syn_only", ["--targets", "4"], 100);
  t.is(status, 0, summary.reasons.join("\n"));
  const { packets = 0, queued = 0 } = summary.userSpace ?? {};
  t.true(queued >= 100 && queued <= 120 && packets > 250, `${queued} of ${packets}`);
});

test.serial(
  "SYN-only with several routers asks about at most 2 % of the packets of connections that live on",
  async (t) => {
    const args = ["--rate", "2000", "--duration", "4", "--at", "1", "--scale", "1"];
    const { status, summary } = await run(t, "syn_only_scale_out", [...args, "--routers", "3"], 100);
    t.is(status, 0, summary.reasons.join("\n"));
    const { packets = 0, queued = 0 } = summary.userSpace ?? {};
    t.true(queued >= 100 && queued <= 0.02 * packets, `${queued} of ${packets}`);
  },
);

test.serial("SYN-only remembers UDP flows too when told, and those of targets that come are none", async (t) => {
  const args = [...short("scale_out", "udp"), "--protocol", "udp", "--set", "udp=true", "--targets", "4"];
  const { status, summary } = await run(t, "syn_only_scale_out", args);
  t.is(status, 0, summary.reasons.join("\n"));
  t.is(summary.connections.lost, 0);
  const { packets = 0, queued = 0 } = summary.userSpace ?? {};
  t.true(queued >= 1000 && queued < packets / 2, `${queued} of ${packets}`);
});

test.serial(
  "more connections than conntrack holds are refused before the start, with the command that makes room",
  async (t) => {
    const { trackedConnections } = await readLimits();
    if (trackedConnections === null || trackedConnections > 1_000_000)
      return void isSkipped(t, [`Conntrack holds ${trackedConnections ?? "any number of"} connections here.`]);
    const { status, summary } = await run(t, "syn_only_scale", [], trackedConnections);
    t.is(status, 77);
    t.true(
      summary.reasons.some((reason) => reason.includes("'sudo sysctl net.netfilter.nf_conntrack_max=")),
      summary.reasons.join("\n"),
    );
    t.is(summary.connections.established, 0);
  },
);

test.serial("xcluster_SYN_ONLY=yes makes nfqueue SYN-only", async (t) => {
  const env = { ...process.env, xcluster_SYN_ONLY: "yes" };
  const args = ["test", "nfqueue", "--json", "--connections", "100", "--targets", "4", "--out", scratch];
  const { userSpace } = JSON.parse((await runMain(args, { env })).stdout) as Summary;
  t.true((userSpace?.queued ?? 0) >= 100 && (userSpace?.queued ?? 0) <= 120, JSON.stringify(userSpace));
});

const options: [title: string, args: string[], least: number, most: number][] = [
  ["nftables with direct return", ["nftables_scale_in", "--set", "mode=dsr"], 650, 850],
  ["nftables with stateless DNAT", ["nftables_scale_in", "--set", "mode=stateless_dnat"], 650, 850],
  [
    "nftables with a symmetric hash, known by shares only",
    ["nftables_scale_in", "--set", "mode=dsr", "--set", "scheduler=symhash"],
    650,
    850,
  ],
  [
    "nftables that rewrites both addresses, by hash and weight",
    ["nftables_scale_in", "--set", "mode=snat", "--set", "scheduler=hash", "--set", "weights=1,2,3,1,2,3,1,2,3,4"],
    80,
    200,
  ],
  ["nftables with persistence", ["nftables_scale_in", "--set", "persistence=60"], 150, 250],
  ["nftables that drains", ["nftables_scale_in", "--set", "leave=drain"], 0, 0],
  [
    "nftables whose best pool empties",
    ["nftables_scale_in", "--set", "mode=dsr", "--set", "priorities=1,1,2,2,2,2,2,2,2,2"],
    1000,
    1000,
  ],
  ["iptables that drains", ["iptables_statistic_scale_in", "--set", "leave=drain"], 0, 0],
  [
    "iptables at random, with masquerade",
    ["iptables_statistic_scale_in", "--set", "mode=random", "--set", "masquerade=true"],
    130,
    270,
  ],
  ["iptables with lists of sources in flat rules", ["iptables_recent_scale_in", "--set", "form=flat"], 130, 270],
  ["ECMP with the sender's hash, known by shares only", ["ecmp_scale_in", "--set", "policy=l4"], 650, 850],
  ["ECMP with weights", ["ecmp_scale_in", "--set", "weights=1,1,1,1,1,1,1,1,1,11"], 200, 700],
  [
    "haproxy that drains, by weight",
    [
      "haproxy_scale_in",
      "--set",
      "leave=drain",
      "--set",
      "scheduler=leastconn",
      "--set",
      "weights=1,2,3,4,5,6,7,8,9,9",
    ],
    0,
    0,
  ],
  ["nginx that drains, by hash", ["nginx_scale_in", "--set", "leave=drain", "--set", "scheduler=hash"], 0, 0],
  ["the last of ten next hops, at the edge", ["ecmp_scale_in", "--scale", "10"], 450, 550],
  ["native XDP", ["xdp_scale_in", "--set", "mode=native"], 130, 300],
  ["AF_XDP in native mode, two queues", ["xdp_user_scale_in", "--set", "mode=native", "--set", "queues=2"], 130, 300],
  ["the fifth of ten next hops, in the middle", ["ecmp_scale_in", "--scale", "5"], 230, 325],
];
for (const [title, args, least, most] of options)
  test.serial(`${title}: ${least} to ${most} of 1000 connections are lost, as predicted`, async (t) => {
    const backend = backends.find(({ name }) => args[0]?.startsWith(`${name}_scale`));
    if (await lacks(t, backend)) return;
    const { status, summary } = await run(t, args[0] ?? "", [...short("scale_in", "tcp"), ...args.slice(1)]);
    t.is(status, 0, summary.reasons.join("\n"));
    const [event] = summary.events;
    t.true(event !== undefined && event.lost >= least && event.lost <= most, `${event?.lost}`);
  });

/** An nftlb farm of three targets. */
function farmFile(more: Record<string, unknown>, weights: readonly number[]): string {
  const file = path.join(scratch, `farm-${process.hrtime.bigint()}.json`);
  const targets = weights.map((weight, i) => ({ name: `t${i + 1}`, "ip-addr": `192.168.1.${i + 1}`, weight }));
  const farm = { name: "lab", family: "dual", "virtual-addr": "10.0.0.0", "virtual-ports": "5001-5003", ...more };
  writeFileSync(file, JSON.stringify({ farms: [{ ...farm, backends: targets }] }));
  return `farm=${file}`;
}

test.serial(
  "an nftlb farm file's mode, scheduler, port range and weights are in force, for both families",
  async (t) => {
    const byTurn = farmFile({ mode: "snat", scheduler: "rr" }, [1, 2, 1]);
    const turn = await run(t, "nftables", ["--targets", "3", "--set", byTurn]);
    t.is(turn.status, 0, turn.summary.reasons.join("\n"));
    t.deepEqual(turn.summary.spread.perTarget, { "vm-001": 250, "vm-002": 500, "vm-003": 250 });
    const byHash = farmFile({ mode: "dsr", scheduler: "hash", "sched-param": "srcip srcport" }, [1, 1, 2]);
    const hash = await run(t, "nftables_scale_in", [
      ...short("scale_in", "tcp"),
      "--targets",
      "3",
      "--scale",
      "3",
      "--set",
      byHash,
    ]);
    t.is(hash.status, 0, hash.summary.reasons.join("\n"));
    t.true((hash.summary.spread.perTarget["vm-003"] ?? 0) > 420, "it has half of the weight");
    t.is(hash.summary.events[0]?.mispredicted, 0);
  },
);

test.serial("a wrong farm file is exit code 2, with its line, and no lab is made", async (t) => {
  const words = [
    "test",
    "nftables",
    "--out",
    scratch,
    "--targets",
    "3",
    "--set",
    farmFile({ mode: "magic" }, [1, 1, 1]),
  ];
  const { status, stderr } = await runMain(words);
  t.is(status, 2);
  t.regex(stderr, /line 1: farms\.0\.mode: /);
});

test.serial("250 targets behind a multipath route, more than ip(8) can name, are predicted one by one", async (t) => {
  const { status, summary } = await run(t, "ecmp_scale_in", [...short("scale_in", "tcp"), "--targets", "250"]);
  t.is(status, 0, summary.reasons.join("\n"));
  t.is(summary.events[0]?.mispredicted, 0);
  t.true((summary.events[0]?.lost ?? 0) > 650, `${summary.events[0]?.lost}`);
});

test.serial(
  "XDP that remembers connections loses those of the targets that leave, and none when they return",
  async (t) => {
    if (
      await lacks(
        t,
        backends.find(({ name }) => name === "xdp"),
      )
    )
      return;
    const { status, summary } = await run(t, "xdp_scale", [...short("scale", "tcp"), "--set", "connections=20000"]);
    t.is(status, 0, summary.reasons.join("\n"));
    const [left, returned] = summary.events;
    t.true((left?.lost ?? 0) > 130, `${left?.lost}`);
    t.is(returned?.lost, 0);
  },
);

test.serial(
  "a multipath hash that follows the sender's socket moves connections in a blackout, and the case fails",
  async (t) => {
    const { status, summary } = await run(t, "ecmp_blackout", [...short("blackout", "tcp"), "--set", "policy=l4"]);
    t.is(status, 1);
    t.true((summary.events[1]?.lost ?? 0) > 300, `${summary.events[1]?.lost}`);
    t.regex(summary.reasons.join(" "), /Event 2 \(blackout_end of vm-201\)/);
  },
);

test.serial("a balancer that assigns at random is caught: the case fails and names the difference", async (t) => {
  const { status, summary } = await run(t, "broken-sprayer_scale_in", [
    "--at",
    "1",
    "--duration",
    "2.5",
    "--backend",
    `${root}lb/broken/sprayer.ts`,
  ]);
  t.is(status, 1);
  t.is(summary.verdict, "fail");
  t.true(
    summary.reasons.some((reason) =>
      /not established|another target than the oracle predicted|lost outside/.test(reason),
    ),
    summary.reasons.join("\n"),
  );
});

test.serial(
  "modulo loses about 90 % of the connections when the last of ten targets leaves, each of them as predicted",
  async (t) => {
    const { status, summary } = await run(t, "nfqueue_scale_in", [
      "--scale",
      "10",
      "--at",
      "1",
      "--duration",
      "2.5",
      "--set",
      "scheduler=modulo",
    ]);
    t.is(status, 0, summary.reasons.join("\n"));
    const [event] = summary.events;
    t.true(event !== undefined && event.lost > 850 && event.lost < 950, `${event?.lost}`);
  },
);

test.serial("the same seed makes the same connections, another seed others", async (t) => {
  const spread = async (seed: string) => (await run(t, "nfqueue", ["--seed", seed])).summary.spread.perTarget;
  t.deepEqual(await spread("5"), await spread("5"));
  t.notDeepEqual(await spread("5"), await spread("6"));
});
