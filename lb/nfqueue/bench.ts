// SPDX-License-Identifier: Apache-2.0
// What the NFQUEUE balancer costs: `npm run bench:nfqueue [rounds, 3] [4|6]`. Each strategy has a lab of its own, and they take
// turns, so that a noisy machine is as noisy for all. Datagrams are counted where they arrive and dropped there. Markdown on stdout.

import { type Host, type Lab, PORT, planTopology } from "../../harness/api/index.ts";
import { clientWords, flood, highestRate, median, netns, startServers } from "../../harness/testing/lab.ts";
import { fwmarkOf, nfqueue, routes } from "./nfqueue.ts";
import { installRules } from "./rules.ts";

const TARGETS = 4;
const LOSS = 0.005;
const SIZE = 64;
/** One sender is as quick as its core; two use what the machine has, so that the balancer must share it. */
const SENDERS = [1, 2] as const;
/** Datagrams per second at which CPU is taken, the last where batch 1 just follows. */
const CPU_PPS = [30_000, 60_000, 120_000];
const CONNECTIONS = 3000;

const rounds = Number(process.argv[2] ?? 3);
const family = process.argv[3] === "6" ? 6 : 4;
const all = Array.from({ length: TARGETS }, (_, i) => i);
/** A quarter of the sources for each target. */
const quarter = (i: number) => (family === 4 ? `50.0.${i * 64}.0/18` : `2000::${(i * 0x4000).toString(16)}/114`);

const balancer = (words: Record<string, unknown>) => async (lab: Lab) => {
  await nfqueue.deploy(lab, nfqueue.options.parse(words), all);
};
const strategies: Record<string, (lab: Lab) => Promise<void>> = {
  async "plain routing (a)"(lab) {
    const lines = all.map((i) => `rule add pref 100 from ${quarter(i)} table ${fwmarkOf(i)}\n`).join("");
    await ip(lab, routes(lab.topology, family).replace(/^rule .*\n/gm, "") + lines);
  },
  nfqueue: balancer({}),
  "nfqueue, batch 1 (c)": balancer({ batch: "1" }),
  async "conntrack, no queue (b)"(lab) {
    await ip(lab, routes(lab.topology, family));
    const choose = (of: 4 | 6) =>
      of === family ? all.map((i) => `-s ${quarter(i)} -j MARK --set-mark ${fwmarkOf(i)}`) : [];
    await installRules(lab.host("vm-201"), choose, { oneWay: false, udp: true });
  },
  syn_only: balancer({ synOnly: "true", udp: "true" }),
  "nfqueue, a queue per CPU": balancer({ perCpu: "true" }),
  "nfqueue, a queue per CPU, batch 1": balancer({ perCpu: "true", batch: "1" }),
};

/** By the names of columns, a value for each round. */
type Figures = Record<string, number[]>;

const lossless = (senders: number) => `datagrams/s without loss, ${senders} sender${senders > 1 ? "s" : ""}`;
const CONNECTION_RATE = "connections/s";
const cpuAt = (pps: number) => `CPU, µs per packet at ${pps.toLocaleString("en-US")}/s`;
const COLUMNS = [...SENDERS.map(lossless), CONNECTION_RATE, ...CPU_PPS.map(cpuAt)];

async function ip(lab: Lab, input: string): Promise<void> {
  const argv = family === 6 ? ["ip", "-6", "-batch", "-"] : ["ip", "-batch", "-"];
  await lab.host("vm-201").exec(argv, { input });
}

async function balancerCpuNs(router: Host): Promise<number | null> {
  const queues = await router.exec(["cat", "/proc/net/netfilter/nfnetlink_queue"], { check: false });
  const pid = queues.stdout.trim().split(/\s+/)[1];
  if (!pid) return null;
  const { stdout } = await router.exec(["sh", "-c", `cat /proc/${pid}/task/*/schedstat`]);
  return stdout
    .trim()
    .split("\n")
    .reduce((sum, line) => sum + Number(line.split(" ")[0]), 0);
}

/** Microseconds of all threads of the balancer's process, for each packet that reached a target; null where there is none. */
async function cpuPerPacket(lab: Lab, pps: number): Promise<number | null> {
  const router = lab.host("vm-201");
  const before = await balancerCpuNs(router);
  const { sent, loss } = await flood({ lab, family, size: SIZE, senders: 1 }, pps, "600ms");
  const after = await balancerCpuNs(router);
  return before === null || after === null ? null : (after - before) / (sent * (1 - loss)) / 1000;
}

async function connectionRate(lab: Lab, seed: number): Promise<number> {
  const argv = clientWords(lab, "connect", { family, port: PORT.connect, seed });
  const { stdout } = await lab.host("vm-221").exec([...argv, "--connections", `${CONNECTIONS}`, "--output", "ndjson"]);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string; t: number });
  const at = (event: string) => lines.findLast((line) => line.event === event)?.t ?? Number.NaN;
  return (CONNECTIONS / (at("sample") - at("stream_start"))) * 1e9;
}

async function measure(labs: Map<string, Lab>): Promise<Map<string, Figures>> {
  const figures = new Map([...labs.keys()].map((name): [string, Figures] => [name, {}]));
  const note = (name: string, column: string, value: number | null) => {
    const own = figures.get(name);
    if (own && value !== null) own[column] = [...(own[column] ?? []), value];
  };
  // Figures that are compared are taken one right after the other.
  for (let round = 0; round < rounds; round++) {
    for (const senders of SENDERS)
      for (const [name, lab] of labs)
        note(name, lossless(senders), (await highestRate({ lab, family, size: SIZE, senders }, LOSS)).pps);
    for (const [name, lab] of labs) note(name, CONNECTION_RATE, await connectionRate(lab, round + 1));
    for (const pps of CPU_PPS) for (const [name, lab] of labs) note(name, cpuAt(pps), await cpuPerPacket(lab, pps));
  }
  return figures;
}

function print(figures: Map<string, Figures>): void {
  const of = (name: string, column: string) => figures.get(name)?.[column] ?? [];
  const shown = (values: number[]) => {
    if (values.length === 0) return "";
    return median(values).toLocaleString("en-US", { maximumFractionDigits: median(values) < 100 ? 2 : 0 });
  };
  /** Round by round, so that what slows the machine slows both sides. */
  const ratio = (name: string, other: string, column: string) => {
    const others = of(other, column);
    return median(of(name, column).map((value, i) => value / (others[i] ?? Number.NaN))).toFixed(2);
  };
  const [plain = "", own = "", single = "", tracked = "", synOnly = "", perCpu = "", perCpuSingle = ""] =
    figures.keys();
  const each = (columns: string[], a: string, b: string) =>
    columns.map((column) => `${ratio(a, b, column)} (${column})`).join(", ");
  process.stdout.write(
    `${[
      `IPv${family}, ${TARGETS} targets, medians of ${rounds}:`,
      "",
      `| | ${COLUMNS.join(" | ")} |`,
      `|---|${COLUMNS.map(() => "---|").join("")}`,
      ...[...figures.keys()].map((name) => `| ${name} | ${COLUMNS.map((c) => shown(of(name, c))).join(" | ")} |`),
      "",
      "Medians of the rounds' ratios:",
      `- nfqueue to (a): ${each(SENDERS.map(lossless), own, plain)}`,
      `- nfqueue to (c): ${each([...SENDERS.map(lossless), ...CPU_PPS.map(cpuAt)], own, single)}`,
      `- a queue per CPU to (a): ${each(SENDERS.map(lossless), perCpu, plain)}`,
      `- a queue per CPU to the same with batch 1: ${each([...SENDERS.map(lossless), ...CPU_PPS.map(cpuAt)], perCpu, perCpuSingle)}`,
      `- syn_only to (b): ${each([...SENDERS.map(lossless), CONNECTION_RATE], synOnly, tracked)}`,
    ].join("\n")}\n`,
  );
}

const labs = new Map<string, Lab>();
try {
  for (const [name, install] of Object.entries(strategies)) {
    const lab = await netns.up(planTopology({ targets: TARGETS, routers: 1 }), new AbortController().signal);
    labs.set(name, lab);
    await Promise.all([install(lab), startServers(lab)]);
    const drop = `*raw\n-A PREROUTING -p udp --dport 9 -j DROP\nCOMMIT\n`;
    for (const { name: target } of lab.topology.targets)
      await lab
        .host(target)
        .exec([family === 4 ? "iptables-restore" : "ip6tables-restore", "--noflush"], { input: drop });
  }
  print(await measure(labs));
} finally {
  await Promise.all([...labs.values()].map((lab) => lab[Symbol.asyncDispose]()));
}
