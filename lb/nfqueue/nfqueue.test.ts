// SPDX-License-Identifier: Apache-2.0
// The C balancer against the TypeScript oracle: two implementations of one definition, on random tables, flows and packets.

import path from "node:path";
import test from "ava";
import { addressBytes } from "../../harness/api/index.ts";
import {
  buildDir,
  type Flow,
  flowKey,
  hashOfKey,
  makeOracle,
  runProgram,
  type TableSpec,
} from "../../harness/testing/lab.ts";
import { randomPacket, seededRandom } from "./packets.testing.ts";

const program = path.join(buildDir, "nfqueue-lb");
const shm = (name: string) => `lb-test-${process.pid}-${name}`;

interface Answer {
  outcome: string;
  key: string | null;
  hash: number | null;
  index: number | null;
}

const run = async (args: string[], input = "") => (await runProgram([program, ...args], { input })).stdout;

async function withTable(
  name: string,
  spec: TableSpec,
  { targets, active }: { targets: number; active: number[] },
  action: (shm: string) => Promise<void>,
): Promise<void> {
  const table = shm(name);
  const size = spec.strategy === "maglev" ? spec.m : 997;
  const init = [
    "init",
    "--shm",
    table,
    "-m",
    spec.strategy,
    "--M",
    `${size}`,
    "--N",
    `${targets}`,
    "--seed",
    `${spec.seed}`,
  ];
  if (spec.sctp === undefined) init.push("--sctp-hash", "flow");
  await run(spec.ports ? [...init, "-p"] : init);
  try {
    await run(["set", "--shm", table, "--active", active.map((i) => `${i}:${1000 + i}`).join(",")]);
    await action(table);
  } finally {
    await run(["delete", "--shm", table]);
  }
}

async function lookup(table: string, lines: string[]): Promise<Answer[]> {
  const out = await run(["lookup", "--shm", table, "--batch"], `${lines.join("\n")}\n`);
  return out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Answer);
}

const specs: [name: string, spec: TableSpec, targets: number][] = [
  ["maglev with ports", { strategy: "maglev", m: 997, seed: 0, ports: true }, 10],
  ["maglev with addresses", { strategy: "maglev", m: 997, seed: 42, ports: false }, 10],
  ["a large maglev table", { strategy: "maglev", m: 65_537, seed: 7, ports: true }, 1000],
  ["the smallest maglev table", { strategy: "maglev", m: 2, seed: 3, ports: true }, 2],
  ["maglev with SCTP by ports alone", { strategy: "maglev", m: 997, seed: 5, ports: true, sctp: "ports" }, 10],
  ["modulo", { strategy: "modulo", seed: 0xffffffff, ports: true }, 33],
];

for (const [name, spec, targets] of specs)
  test(`balancer and oracle pick the same target for every packet: ${name}`, async (t) => {
    const random = seededRandom(spec.seed + targets);
    const active = Array.from({ length: targets }, (_, i) => i).filter((i) => i === 0 || random() < 0.7);
    const oracle = makeOracle(spec, active);
    const packets = Array.from({ length: 2000 }, () => randomPacket(random));
    await withTable(name.replaceAll(" ", "-"), spec, { targets, active }, async (table) => {
      const answers = await lookup(
        table,
        packets.map((p) => `packet ${p.bytes.toString("hex")}`),
      );
      t.is(answers.length, packets.length);
      for (const [i, { expected, description }] of packets.entries()) {
        const key = expected(spec.ports);
        const hash = hashOfKey(spec, key);
        t.is(answers[i]?.key, Buffer.from(key).toString("hex"), description);
        t.is(answers[i]?.hash, hash, description);
        t.is(answers[i]?.index, oracle.pick(hash), description);
      }
    });
  });

test("tables with weights are the oracle's, slot by slot, and change in one publication", async (t) => {
  const random = seededRandom(5);
  for (const [m, targets] of [
    [997, 10],
    [65_537, 200],
    [13, 13],
  ] as const) {
    const active = Array.from({ length: targets }, (_, i) => i).filter((i) => i === 0 || random() < 0.8);
    const spec: TableSpec = { strategy: "maglev", m, seed: m, ports: true };
    await withTable(`weights-${m}`, spec, { targets, active }, async (table) => {
      for (const most of [1, 3, 256]) {
        const weights = Array.from({ length: targets }, () => 1 + Math.floor(random() * most));
        const pairs = active.map((i) => `${i}:${1000 + i}@${weights[i]}`).join(",");
        const before = await shown(table);
        await run(["set", "--shm", table, "--active", pairs]);
        const after = await shown(table);
        t.is(after.version, before.version + 1);
        const oracle = makeOracle({ ...spec, weights }, active);
        const slots = Array.from({ length: m }, (_, slot) => oracle.pick(slot));
        t.deepEqual(after.table, slots, `M=${m}, weights up to ${most}`);
      }
    });
  }
});

const shown = async (table: string) =>
  JSON.parse(await run(["show", "--shm", table, "--json", "--table"])) as { version: number; table: number[] };

test("a flow named on the command line gets the same answer as its packet", async (t) => {
  const spec: TableSpec = { strategy: "maglev", m: 997, seed: 0, ports: true };
  await withTable("flow", spec, { targets: 10, active: [1, 3, 5] }, async (table) => {
    const [answer] = await lookup(table, ["tcp 2000::7 40000 1000:: 5003"]);
    const flow: Flow = {
      src: addressBytes("2000::7"),
      dst: addressBytes("1000::"),
      sport: 40_000,
      dport: 5003,
      protocol: 6,
    };
    t.is(answer?.hash, hashOfKey({ seed: 0, ports: true, sctp: "ports" }, flowKey(flow, true)));
  });
});

test("a size that is no prime is refused with the primes next to it", async (t) => {
  const { code, stderr } = await runProgram([program, "init", "--shm", shm("prime"), "--M", "1000", "--N", "10"], {
    check: false,
  });
  t.is(code, 2);
  t.regex(stderr, /997.*1009/);
});
