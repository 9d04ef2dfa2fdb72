// SPDX-License-Identifier: Apache-2.0
// Packets and connections per second around the stack: `npm run bench:xdp [rounds, 5] [4|6] [strategy...]`. Each strategy has a lab of its
// own, and they take turns, so that a noisy machine is as noisy for all; a ratio is taken within its round. Datagrams are counted where
// they arrive. ns per packet: of the BPF program in the flood by the kernel's statistics and by test run, and of the thread in user space.
// Markdown on stdout. Figures hold for veth on this machine: they rank strategies here, and say nothing about network cards.
import { addressOf, type Lab, PORT, planTopology, VIP } from "../../harness/api/index.ts";
import {
  clientWords,
  describeHost,
  flood,
  median,
  netns,
  runProgram,
  startServers,
} from "../../harness/testing/lab.ts";
import { backends } from "../index.ts";
import { fixtures } from "./frames.testing.ts";

const TARGETS = 4;
const CONNECTIONS = 6000;
/** More than any of them forwards. */
const FLOOD_PPS = 2_000_000;
const FLOOD_S = 0.5;
const [PLAIN, BASE_TABLE] = ["plain routing", 1001];

const rounds = Number(process.argv[2] ?? 5);
const family = process.argv[3] === "6" ? 6 : 4;
const wanted = process.argv.slice(4);
const OURS = new Set<string | null>(["xdp", "tc", "xdp_user"]);
const ip = family === 6 ? ["ip", "-6"] : ["ip"];

const all: [name: string, backend: string | null, words: Record<string, string>][] = [
  [PLAIN, null, {}],
  ["xdp generic", "xdp", {}],
  ["xdp native", "xdp", { mode: "native" }],
  ["xdp generic, connections", "xdp", { connections: "65536" }],
  ["tc", "tc", {}],
  ["xdp_user generic", "xdp_user", {}],
  ["xdp_user native", "xdp_user", { mode: "native" }],
  ["nfqueue", "nfqueue", {}],
  ["iptables_statistic", "iptables_statistic", {}],
  ["nftables", "nftables", {}],
];
const strategies = all.filter(([name]) => name === PLAIN || wanted.length === 0 || wanted.includes(name));

/** To as many targets as the balancers serve, a quarter of the sources for each. */
async function route(lab: Lab): Promise<void> {
  const lines = lab.topology.targets.flatMap((target, i) => {
    const quarter = family === 4 ? `50.0.${i * 64}.0/18` : `2000::${(i * 0x4000).toString(16)}/114`;
    const table = BASE_TABLE + i;
    return [
      `rule add pref 100 from ${quarter} table ${table}`,
      `route add ${VIP[family]} via ${addressOf(target, family)} table ${table}`,
    ];
  });
  await lab.host("vm-201").exec([...ip, "-batch", "-"], { input: `${lines.join("\n")}\n` });
}

async function install(lab: Lab, name: string | null, words: Record<string, string>): Promise<void> {
  await startServers(lab);
  const backend = backends.find((b) => b.name === name);
  if (!backend) return route(lab);
  await backend.deploy(
    lab,
    backend.options.parse(words),
    lab.topology.targets.map((_, i) => i),
  );
}

/** Datagrams per second at the targets, while the tester sends what it can. */
async function packetRate(lab: Lab): Promise<number> {
  const { sent, loss } = await flood({ lab, family, size: 64, senders: 1 }, FLOOD_PPS, `${FLOOD_S}s`);
  return (sent * (1 - loss)) / FLOOD_S;
}

async function connectionRate(lab: Lab, seed: number): Promise<number> {
  const argv = clientWords(lab, "connect", { family, port: PORT.connect, seed });
  const begin = performance.now();
  await lab.host("vm-221").exec([...argv, "--connections", `${CONNECTIONS}`, "--output", "txt"]);
  return (CONNECTIONS / (performance.now() - begin)) * 1000;
}

/** ns per packet in a flood: of the BPF program by the kernel's statistics, which are on only now, and of the thread of queue 0. */
async function timeInFlood(lab: Lab): Promise<{ programNs: number; threadNs: number }> {
  const watch = ["stats", "--watch", `${Math.ceil(FLOOD_S)}`, "--rounds", "1", "--time"];
  const [{ stdout }] = await Promise.all([lab.host("vm-201").exec([lab.program("xdp-lb"), ...watch]), packetRate(lab)]);
  const found = (pattern: RegExp) => Number(stdout.match(pattern)?.[1] ?? Number.NaN);
  return { programNs: found(/BPF program .* (\d+) ns each/), threadNs: found(/queue 0 .* (\d+) ns of CPU each/) };
}

/** ns for an IPv4 TCP packet by the kernel's test run, or in a loop in user space. */
async function testRun(lab: Lab, backend: string, words: Record<string, string>): Promise<number> {
  const frame = fixtures.find(({ name }) => name === "IPv4: all hops left")?.frame;
  const plane = backend === "xdp_user" ? "user" : backend;
  const flags = ["--vip", VIP[4], "--ports", "--active", "0=00:00:00:01:01:01", "--repeat", "15", "--plane", plane];
  const more = words.connections ? ["--connections", words.connections] : [];
  const { stdout } = await runProgram([lab.program("xdp-lb"), "try", ...flags, ...more], { input: `${frame}\n` });
  return (JSON.parse(stdout) as { ns: number }).ns;
}

const labs = new Map<string, Lab>();
interface Figures {
  pps: number[];
  cps: number[];
  programNs: number[];
  threadNs: number[];
  testNs: number[];
}
const figures = new Map<string, Figures>();
const none: Figures = { pps: [], cps: [], programNs: [], threadNs: [], testNs: [] };
try {
  for (const [name, backend, words] of strategies) {
    const why = (await backends.find((b) => b.name === backend)?.missing(netns, {})) ?? [];
    if (why.length > 0) {
      process.stderr.write(`SKIP ${name}: ${why.join(" ")}\n`);
      continue;
    }
    const lab = await netns.up(planTopology({ targets: TARGETS, routers: 1 }), new AbortController().signal);
    labs.set(name, lab);
    figures.set(name, structuredClone(none));
    await install(lab, backend, words);
    // The targets' stacks count a datagram and need not answer it.
    const drop = "*raw\n-A PREROUTING -p udp --dport 9 -j DROP\nCOMMIT\n";
    const restore = [family === 4 ? "iptables-restore" : "ip6tables-restore", "--noflush"];
    for (const target of lab.topology.targets) await lab.host(target.name).exec(restore, { input: drop });
  }
  for (let round = 0; round < rounds; round++)
    for (const [name, backend, words] of strategies) {
      const [lab, of] = [labs.get(name), figures.get(name)];
      if (!lab || !of) continue;
      of.pps.push(await packetRate(lab));
      of.cps.push(await connectionRate(lab, round + 1));
      if (!OURS.has(backend)) continue;
      const { programNs, threadNs } = await timeInFlood(lab);
      of.programNs.push(programNs);
      of.threadNs.push(threadNs);
      of.testNs.push(await testRun(lab, backend ?? "", words));
    }
} finally {
  await Promise.all([...labs.values()].map((lab) => lab[Symbol.asyncDispose]()));
}

const { host } = await describeHost();
const plain = figures.get(PLAIN) ?? none;
const rate = (numbers: readonly number[], base: readonly number[]) =>
  `${Math.round(median(numbers)).toLocaleString("en-US")} | ${median(numbers.map((n, i) => n / (base[i] ?? 0))).toFixed(2)}`;
const ns = (numbers: readonly number[]) => (numbers.some(Number.isFinite) ? `${median(numbers)}` : "");
process.stdout.write(
  `${[
    `IPv${family} over veth, ${TARGETS} targets, kernel ${host.kernel}, ${host.cpus} CPUs (${host.cpuModel}), medians of ${rounds}:`,
    "",
    "| | datagrams/s at the targets | of plain | connections/s | of plain | ns: BPF program | test run | thread |",
    "|---|---|---|---|---|---|---|---|",
    ...[...figures].map(
      ([name, { pps, cps, programNs, testNs, threadNs }]) =>
        `| ${name} | ${rate(pps, plain.pps)} | ${rate(cps, plain.cps)} | ${ns(programNs)} | ${ns(testNs)} | ${ns(threadNs)} |`,
    ),
  ].join("\n")}\n`,
);
