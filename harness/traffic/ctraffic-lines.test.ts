// SPDX-License-Identifier: Apache-2.0
// The lines that ctraffic itself prints, from its own README, and those of the program `ctraffic` in the machines.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { runProgram } from "../host/program.ts";
import { buildDir } from "../runtime/netns.ts";
import { CTRAFFIC_ANALYSES, type CtrafficStats, parseCtraffic } from "./ctraffic.ts";
import { ctrafficLines, goFloat } from "./ctraffic-lines.ts";

const dir = mkdtempSync(path.join(tmpdir(), "ctraffic-lines-"));
test.after.always(() => rmSync(dir, { recursive: true, force: true }));

const S = 1e9;
const part = { Sent: 1, Received: 1, Dropped: 0, Retransmits: 0, Local: "", Remote: "" };
type Times = readonly [started: number, connect: number, ended: number];
const connection = ([started, connect, ended]: Times, error = "", host = "") => ({
  ...part,
  Started: started * S,
  Connect: connect * S,
  Ended: ended * S,
  Err: error,
  Host: host,
});

/** Of 40 connections so many fail in each second from the fifth on, and the new ones find no server from the sixth on. */
function readmeExample(): CtrafficStats {
  const failing = [3, 9, 12, 8, 8];
  const rows = failing.flatMap((n, i) =>
    Array.from({ length: n }, () => [
      connection([0.01, 0.02, 4.5 + i], "EOF", "a"),
      connection([4.5 + i, 0, 12]),
    ]).flat(),
  );
  const totals = { FailedConnections: 40, Sent: 0, Received: 0, Dropped: 0, Retransmits: 0, FailedConnects: 0 };
  const head = { Started: "2019-01-21T08:40:08Z", Duration: 10.5 * S, Rate: 10, Connections: 40, PacketSize: 1024 };
  return { ...head, ...totals, ConnStats: rows, Samples: [] };
}

test("connections by second are ctraffic's lines, half seconds and all", (t) => {
  t.is(
    ctrafficLines("connections", readmeExample()),
    `Time Active New Failed Connecting
0.5 40 40 0 0
1.5 40 0 0 0
2.5 40 0 0 0
3.5 40 0 0 0
4.5 37 3 3 3
5.5 28 9 9 12
6.5 16 12 12 24
7.5 8 8 8 32
8.5 0 8 8 40
9.5 0 0 0 40
`,
  );
});

const samples = [1.000012345, 2.000212345, 3.1].map((s, i) => ({
  Time: Math.round(s * S),
  Sent: 30 * i,
  Received: 25 * i + (i > 1 ? 1 : 0),
  Dropped: 0,
}));

test("throughput is KB a second between two samples, with all digits; hosts have a line each", (t) => {
  const stats = { ...readmeExample(), PacketSize: 1500, Samples: samples };
  t.is(
    ctrafficLines("throughput", stats),
    "Time Throughput\n1.500112345 35.99280143971206\n2.550106172 34.55212451898271\n",
  );
  const rows = [
    connection([0, 1, 9], "EOF", "vm-010"),
    connection([0, 1, 9], "", "vm-2"),
    connection([0, 1, 9], "", "vm-010"),
  ];
  t.is(
    ctrafficLines("hosts", { ...stats, ConnStats: [...rows, connection([0, 0, 9], "refused")] }),
    "Lost connections: 1\n  vm-010 1\nLasting connections: 2\n  vm-010 1\n  vm-2 1\n",
  );
});

test("numbers are printed as Go does", (t) => {
  const cases: [number, string][] = [
    [0.5, "0.5"],
    [100, "100"],
    [0, "0"],
    [0.00005, "5e-05"],
    [0.0001, "0.0001"],
    [1.5e21, "1.5e+21"],
    [123456789012, "123456789012"],
    [Number.POSITIVE_INFINITY, "+Inf"],
    [Number.NaN, "NaN"],
  ];
  for (const [value, text] of cases) t.is(goFloat(value), text);
});

test("'ctraffic -analyze' in the machines prints the same", async (t) => {
  const random = (n: number) => (Math.imul(n, 2654435761) >>> 0) / 2 ** 32;
  const rows = Array.from({ length: 300 }, (_, i) => {
    const started = random(i) * 9;
    const connect = i % 7 === 0 ? 0 : started + random(i + 500);
    return connection([started, connect, started + random(i + 900) * 9], i % 3 ? "" : "EOF", `vm-${i % 11}`);
  });
  const many = Array.from({ length: 40 }, (_, i) => ({
    Time: Math.round((i + random(i)) * S),
    Sent: 0,
    Received: i * 1234 + Math.floor(random(i + 40) * 1000),
    Dropped: 0,
  }));
  const all = [
    { ...readmeExample(), Samples: samples },
    { ...readmeExample(), ConnStats: rows, Samples: many, PacketSize: 1400 },
  ];
  for (const [i, stats] of all.entries()) {
    const file = path.join(dir, `${i}.json`);
    writeFileSync(file, JSON.stringify(stats));
    for (const analysis of CTRAFFIC_ANALYSES) {
      const argv = [path.join(buildDir, "ctraffic"), "-analyze", analysis, "-stat_file", file];
      const { stdout } = await runProgram(argv);
      t.is(stdout, ctrafficLines(analysis, parseCtraffic(JSON.stringify(stats))), `${analysis} ${i}`);
    }
  }
});
