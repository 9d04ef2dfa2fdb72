// SPDX-License-Identifier: Apache-2.0
// What the three data planes do with single frames, in the kernel by test run and in user space: all must do the same.

import { existsSync } from "node:fs";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { buildDir, flowKey, makeOracle, murmur3, netns, runProgram } from "../../harness/testing/lab.ts";
import { isSkipped } from "../../harness/testing/skip.ts";
import { randomPacket, seededRandom } from "../nfqueue/packets.testing.ts";
import { checksum, cutShort, EGRESS_MAC, ethernet, type Fixture, fixtures, OWN_MAC } from "./frames.testing.ts";
import { tc, xdp } from "./xdp.ts";

const program = path.join(buildDir, "xdp-lb");
const checked = path.join(buildDir, "test/xdp/xdp-lb");
const ACTIVE = [0, 2, 3, 7];
const spec = { strategy: "maglev", m: 997, seed: 5, ports: true } as const;
const mac = (index: number) => `0000000101${(index + 1).toString(16).padStart(2, "0")}`;
const flags = [
  "--vip",
  "10.0.0.0,1000::",
  "--ports",
  "--seed",
  `${spec.seed}`,
  "--active",
  ACTIVE.map((index) => `${index}=${mac(index).match(/../g)?.join(":")}`).join(","),
];

interface Answer {
  verdict: string;
  index: number | null;
  ns: number;
  counted: Record<string, number>;
  frame: string;
  error?: string;
}

async function tryFrames(
  plane: string,
  frames: readonly string[],
  more: string[] = [],
  binary = program,
): Promise<Answer[]> {
  const input = frames.map((frame) => `${frame}\n`).join("");
  const { stdout } = await runProgram([binary, "try", "--plane", plane, ...flags, ...more], { input });
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Answer);
}

/** The plane's user-space twin needs no rights; where there is no root, or no clang, the kernel's are left out. */
async function planeIsSkipped(t: ExecutionContext, plane: string): Promise<boolean> {
  const user = existsSync(program) ? [] : ["'xdp-lb' is not built: that takes clang and libbpf-dev. Run './setup'."];
  const why = plane === "user" ? user : await (plane === "tc" ? tc : xdp).missing(netns, {});
  return isSkipped(t, why);
}

const oracle = makeOracle(spec, ACTIVE);

/** As the frame must leave: MACs of the next hop, one hop less, and a checksum that is right again. */
function forwarded(frame: string, index: number): string {
  const bytes = Buffer.from(frame, "hex");
  bytes.write(`${mac(index)}${EGRESS_MAC}`, 0, "hex");
  const v4 = bytes.readUInt8(14) >> 4 === 4;
  const hops = v4 ? 22 : 21;
  bytes.writeUInt8(bytes.readUInt8(hops) - 1, hops);
  if (v4) {
    const length = (bytes.readUInt8(14) & 15) * 4;
    bytes.writeUInt16BE(0, 24);
    bytes.writeUInt16BE(checksum(bytes.subarray(14, 14 + length).toString("hex")), 24);
  }
  return bytes.toString("hex");
}

function check(
  t: ExecutionContext,
  { name, frame, verdict, counter, flow }: Fixture,
  answer: Answer | undefined,
): void {
  const index = flow ? oracle.pick(murmur3(flowKey(flow, flow.portsHashed), spec.seed)) : null;
  const counted = { [counter]: 1, ...(flow ? { bytes: frame.length / 2 } : {}) };
  const expected = { verdict, index, counted, frame: index === null ? frame : forwarded(frame, index) };
  const { verdict: was, index: at, counted: moved, frame: left } = answer ?? {};
  t.deepEqual({ verdict: was, index: at, counted: moved, frame: left } as typeof expected, expected, name);
}

for (const plane of ["xdp", "tc", "user"])
  test(`${plane}: every frame gets its verdict, its target, its counter and its bytes`, async (t) => {
    if (await planeIsSkipped(t, plane)) return;
    t.true(fixtures.length >= 60);
    const binaries = plane === "user" && existsSync(checked) ? [program, checked] : [program];
    for (const binary of binaries) {
      // The kernel tries no frame without a byte after its Ethernet header, nor TC one without its IP header.
      const cut = cutShort(plane === "user" ? 1 : 15).filter(({ verdict }) => plane !== "tc" || verdict === "drop");
      const all = [...fixtures, ...cut];
      const answers = await tryFrames(
        plane,
        all.map(({ frame }) => frame),
        [],
        binary,
      );
      t.is(answers.length, all.length);
      for (const [i, fixture] of all.entries()) check(t, fixture, answers[i]);
    }
  });

for (const plane of ["xdp", "tc", "user"])
  test(`${plane}: data plane and oracle pick the same target for random packets`, async (t) => {
    if (await planeIsSkipped(t, plane)) return;
    const random = seededRandom(11);
    const packets = Array.from({ length: 1000 }, () => randomPacket(random));
    const frames = packets.map(({ bytes }) =>
      ethernet(bytes.readUInt8(0) >> 4 === 4 ? 0x0800 : 0x86dd, bytes.toString("hex")),
    );
    for (const [i, answer] of (await tryFrames(plane, frames)).entries()) {
      const packet = packets[i];
      if (packet) t.is(answer.index, oracle.pick(murmur3(packet.expected(true), spec.seed)), packet.description);
    }
  });

test("a connection that is remembered keeps its target, and a balancer without targets drops", async (t) => {
  if (await planeIsSkipped(t, "xdp")) return;
  const frame = fixtures.find(({ name }) => name === "IPv4: TCP")?.frame ?? "";
  for (const plane of ["xdp", "tc"]) {
    const [first, second] = await tryFrames(plane, [frame, frame], ["--connections", "1024"]);
    t.like(first?.counted, { flows: 1, learnt: 1 });
    t.like(second?.counted, { flows: 1, kept: 1 });
    t.is(second?.counted.learnt, undefined);
    t.is(second?.index, first?.index);
  }
  for (const plane of ["xdp", "tc", "user"]) {
    const [answer] = await tryFrames(plane, [frame], ["--active", ""]);
    t.like(answer, { verdict: "drop", index: null, counted: { flows: 1, no_target: 1 } });
  }
});

/** The same frame to a program that is moved from CPU to CPU; $0 is the frame. */
const ON_EACH_CPU = `coproc try { exec "$@"; }
for cpu in 0 1 0 1; do
  taskset -pc "$cpu" "$try_PID" >/dev/null && echo "$0" >&"\${try[1]}" && read -r line <&"\${try[0]}" && echo "$line"
done`;

test("with a table for each CPU a connection is new to a CPU that has not seen it", async (t) => {
  if (await planeIsSkipped(t, "xdp")) return;
  const frame = fixtures.find(({ name }) => name === "IPv4: TCP")?.frame ?? "";
  for (const plane of ["xdp", "tc"]) {
    const words = [program, "try", "--plane", plane, ...flags, "--connections", "1024", "--per-cpu"];
    const { stdout } = await runProgram(["bash", "-c", ON_EACH_CPU, frame, ...words]);
    const answers = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Answer);
    const counted = answers.map((answer) => answer.counted);
    t.is(new Set(answers.map(({ index }) => index)).size, 1);
    for (const [i, name] of ["learnt", "learnt", "kept", "kept"].entries()) t.like(counted[i], { [name]: 1 });
  }
});

test("a frame costs the kernel's planes well below a microsecond", async (t) => {
  if (await planeIsSkipped(t, "xdp")) return;
  const frame = fixtures.find(({ name }) => name === "IPv4: all hops left")?.frame ?? "";
  t.true(frame.startsWith(OWN_MAC));
  for (const plane of ["xdp", "tc"]) {
    const [answer] = await tryFrames(plane, [frame], ["--repeat", "15"]);
    t.log(`${plane}: ${answer?.ns} ns per packet by test run (the bar for a quiet machine is 150)`);
    t.true((answer?.ns ?? Number.POSITIVE_INFINITY) < 1000, `${answer?.ns} ns`);
  }
});
