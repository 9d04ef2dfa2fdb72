// What the NFQUEUE balancer costs: `npm run bench:nfqueue [rounds, 3] [4|6]`. Each strategy has a lab of its own, and they take
// turns, so that a noisy machine is as noisy for all. Datagrams are counted where they arrive and dropped there. Markdown on stdout.

import { flood, highestRate } from "../../harness/bench/flood.ts";
import { median } from "../../harness/bench/metrics.ts";
import { netns } from "../../harness/runtime/netns.ts";
import type { Host, Lab } from "../../harness/runtime/runtime.ts";
import { planTopology, SOURCES, VIP } from "../../harness/topology/topology.ts";
import { startServers } from "../../harness/traffic/traffic.ts";
import { fwmarkOf, nfqueue, routes } from "./nfqueue.ts";
import { installRules } from "./rules.ts";

const TARGETS = 4;
const LOSS = 0.005;
const SIZE = 64;
/** Where batch 1 still follows. */
const STEADY_PPS = 60_000;
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
};

interface Figures {
  losslessPps: number[];
  connectionsPerS: number[];
  /** Microseconds of the balancer's process per packet at a steady rate; empty where there is none. */
  cpuUs: number[];
}

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

async function cpuPerPacket(lab: Lab): Promise<number | null> {
  const router = lab.host("vm-201");
  const before = await balancerCpuNs(router);
  const { sent } = await flood(lab, family, SIZE, STEADY_PPS, "1s");
  const after = await balancerCpuNs(router);
  return before === null || after === null ? null : (after - before) / sent / 1000;
}

async function connectionRate(lab: Lab, seed: number): Promise<number> {
  const address = family === 4 ? `${VIP[4]}:5001` : `[${VIP[6]}]:5001`;
  const argv = [lab.program("traffic"), "connect", "--address", address, "--src", SOURCES[family]];
  const { stdout } = await lab
    .host("vm-221")
    .exec([...argv, "--connections", `${CONNECTIONS}`, "--seed", `${seed}`, "--output", "ndjson"]);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string; t: number });
  const at = (event: string) => lines.findLast((line) => line.event === event)?.t ?? Number.NaN;
  return (CONNECTIONS / (at("sample") - at("stream_start"))) * 1e9;
}

async function measure(labs: Map<string, Lab>): Promise<Map<string, Figures>> {
  const figures = new Map(
    [...labs.keys()].map((name): [string, Figures] => [name, { losslessPps: [], connectionsPerS: [], cpuUs: [] }]),
  );
  for (let round = 0; round < rounds; round++)
    for (const [name, lab] of labs) {
      const own = figures.get(name);
      own?.losslessPps.push(await highestRate(lab, family, SIZE, LOSS));
      own?.connectionsPerS.push(await connectionRate(lab, round + 1));
      const cpu = await cpuPerPacket(lab);
      if (cpu !== null) own?.cpuUs.push(cpu);
    }
  return figures;
}

function print(figures: Map<string, Figures>): void {
  const of = (name: string, key: keyof Figures) => median(figures.get(name)?.[key] ?? []);
  const ratio = (name: string, other: string, key: keyof Figures) => (of(name, key) / of(other, key)).toFixed(2);
  const rows = [...figures].map(([name, { cpuUs }]) => {
    const cpu = cpuUs.length > 0 ? of(name, "cpuUs").toFixed(1) : "";
    const cells = [of(name, "losslessPps"), of(name, "connectionsPerS")].map((n) =>
      Math.round(n).toLocaleString("en-US"),
    );
    return `| ${name} | ${cells[0]} | ${ratio(name, "plain routing (a)", "losslessPps")} | ${cells[1]} | ${cpu} |`;
  });
  process.stdout.write(
    `${[
      `IPv${family}, ${TARGETS} targets, medians of ${rounds}:`,
      "",
      "| | lossless datagrams/s | of (a) | connections/s | balancer's CPU, µs per packet |",
      "|---|---|---|---|---|",
      ...rows,
      "",
      `nfqueue against batch 1: ${ratio("nfqueue", "nfqueue, batch 1 (c)", "cpuUs")} of its CPU per packet, ${ratio("nfqueue", "nfqueue, batch 1 (c)", "losslessPps")} times its lossless rate.`,
      `syn_only against the same rules without a queue: ${ratio("syn_only", "conntrack, no queue (b)", "losslessPps")} of its lossless rate.`,
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
