// SPDX-License-Identifier: Apache-2.0
// The two ways to listen (images/tap): BPF programs at the fabric's ports, and a packet socket.
import { existsSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { plain } from "../bench/plain.ts";
import { tapWords } from "../run/tapping.ts";
import { buildDir, netns } from "../runtime/netns.ts";
import type { Lab } from "../runtime/runtime.ts";
import { isSkipped } from "../testing/skip.ts";
import { planTopology, SOURCES } from "../topology/topology.ts";
import { clientWords } from "../traffic/client.ts";
import { startServers } from "../traffic/servers.ts";
import { readFrame, TCP_FLAGS } from "./frame.ts";
import { readTap, type TapPacket } from "./records.ts";

const SIGTERM = 15;
const [CONNECT_PORT, DEAF_PORT, DISCARD_PORT] = [5001, 7, 9];

const missing = async (): Promise<string[]> => [
  ...(await netns.missing()),
  ...(process.geteuid?.() === 0 ? [] : ["only root may load BPF programs"]),
  ...(existsSync(path.join(buildDir, "xdp-lb")) ? [] : ["'xdp-lb' is not built, and so 'tap' has no BPF programs"]),
];

/** A lab with plain forwarding, a port that no target answers, and one that drops what comes; null: skipped. */
async function world(t: ExecutionContext): Promise<Lab | null> {
  if (isSkipped(t, await missing())) return null;
  const lab = await netns.up(planTopology({ targets: 2, routers: 1 }), new AbortController().signal);
  t.teardown(() => lab[Symbol.asyncDispose]());
  const balancer = await plain.deploy(lab, {}, [0, 1]);
  t.teardown(() => balancer[Symbol.asyncDispose]());
  await startServers(lab);
  const rules = `table inet deaf {
  chain c {
    type filter hook prerouting priority -300;
    tcp dport ${DEAF_PORT} drop
    udp dport ${DISCARD_PORT} drop 
  }
}
`;
  await Promise.all(lab.topology.targets.map(({ name }) => lab.host(name).exec(["nft", "-f", "-"], { input: rules })));
  return lab;
}

async function tap(lab: Lab, way: string, mebibytes: number, ...words: string[]) {
  const chunks: Buffer[] = [];
  let said = "";
  const names = lab.topology.testers.map(({ name }) => name);
  const argv = [lab.program("tap"), ...tapWords(names, Object.values(SOURCES), mebibytes), ...words];
  const process = lab.host("fabric").spawn(argv, {
    onStdout: (chunk) => void chunks.push(chunk),
    onStderr: (chunk) => {
      said += chunk.toString();
    },
  });
  const ended = process.exited.then(() => {
    if (!said.includes("\n")) throw new Error(`'tap' (${way}) has ended: ${said}`);
  });
  while (!said.includes("\n")) await Promise.race([sleep(10), ended]);
  return {
    said,
    async end() {
      process.signal(SIGTERM);
      await process.exited;
      const { packets, counts } = readTap(Buffer.concat(chunks));
      if (!counts) throw new Error(`'tap' (${way}) did not end in order: ${said}`);
      return { packets, counts };
    },
  };
}

async function traffic(lab: Lab, mode: "connect" | "flood", port: number, ...words: string[]) {
  const argv = clientWords(lab, mode, { family: 4, port, seed: 1 });
  await lab.host(lab.topology.tester.name).exec([...argv, ...words]);
}

const syn = (lab: Lab) => traffic(lab, "connect", DEAF_PORT, "--connections", "1", "--timeout", "1500ms");

const lines = (packets: readonly TapPacket[]): string[] =>
  packets.map(({ machine, net, length, data }) => `${machine} ${net} ${length} ${data.toString("hex")}`).sort();
const isInOrder = (packets: readonly TapPacket[]): boolean =>
  packets.every(({ t }, i) => i === 0 || t >= (packets[i - 1]?.t ?? 0));

for (const mode of ["control", "full"])
  test.serial(`${mode}: BPF programs and a packet socket hear the same frames, each in order`, async (t) => {
    const lab = await world(t);
    if (!lab) return;
    const words = mode === "full" ? ["--full"] : [];
    const [programs, socket] = [
      await tap(lab, "programs", 32, ...words),
      await tap(lab, "socket", 32, "--socket", ...words),
    ];
    t.is(programs.said, "ready: BPF programs at the ports\n");
    t.is(socket.said, "ready: a packet socket\n");
    await traffic(lab, "connect", CONNECT_PORT, "--connections", "50");
    await traffic(lab, "flood", DISCARD_PORT, "--rate", "1000", "--duration", "100ms");
    await syn(lab);
    const [one, other] = [await programs.end(), await socket.end()];
    // Fifty connections, each of SYN, SYN-ACK and two FIN at least, over two hops.
    t.true(one.packets.length > 50 * 4 * 2, `${one.packets.length}`);
    t.deepEqual(lines(one.packets), lines(other.packets));
    t.true(isInOrder(one.packets));
    t.like(one.counts, { overwritten: 0, dropped: 0, untracked: 0 });
    const differ = one.packets.map(({ t: at }, i) => Math.abs(at - (other.packets[i]?.t ?? 0)));
    t.true(Math.max(...differ) < 50e6, "both tell the lab's time");
  });

test.serial("a ring that writes over itself keeps what is said of a connection in trouble", async (t) => {
  const lab = await world(t);
  if (!lab) return;
  // 1 MiB is 4,096 frames or less; a flood of 20,000 is twice as many, as each is heard on two hops.
  const heard = await tap(lab, "programs", 1, "--full");
  await syn(lab);
  await traffic(lab, "flood", DISCARD_PORT, "--rate", "20000", "--duration", "1s");
  const { packets, counts } = await heard.end();
  const tcp = packets.flatMap(({ machine, data, length }) => {
    const frame = readFrame(data, length);
    return frame?.tcp && frame.tcp.flags === TCP_FLAGS.SYN ? [machine] : [];
  });
  // It was sent twice, and each left the tester and the router.
  t.deepEqual([...tcp].sort(), ["vm-201", "vm-201", "vm-221", "vm-221"]);
  t.true(counts.overwritten > 10_000 && packets.length < 10_000, JSON.stringify(counts));
});

test.serial("ports that come later are listened to, too, be they few or many", async (t) => {
  const lab = await world(t);
  if (!lab) return;
  const heard = await tap(lab, "programs", 1);
  const fabric = lab.host("fabric");
  const ports = Array.from({ length: 40 }, (_, i) => `vm-${i + 100}.1`);
  const input = ports.map((port, i) => `link add ${port} type veth peer name other${i}\n`).join("");
  await fabric.exec(["ip", "-batch", "-"], { input });
  // A link tells its device in the file's description; where it is a classifier, TC shows it.
  const shown = (port: string) => `index=$(ip -o link show ${port} | cut -d: -f1)
    grep -sEh "^ifindex:[[:space:]]+$index$" /proc/[0-9]*/fdinfo/*; tc filter show dev ${port} ingress`;
  const programs = async (port = "") => (await fabric.exec(["sh", "-c", shown(port)])).stdout;
  for (const deadline = Date.now() + 10_000; Date.now() < deadline && !(await programs(ports[39])); ) await sleep(20);
  t.regex(await programs(ports[0]), /on_other|ifindex/);
  t.regex(await programs(ports[39]), /on_other/);
  await heard.end();
  t.deepEqual([await programs(ports[0]), await programs(ports[39])], ["", ""], "they have left");
});
