// SPDX-License-Identifier: Apache-2.0
// The path MTU black hole, which connections fall into it, and its cure.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { netns } from "../harness/runtime/netns.ts";
import { someOf } from "../harness/testing/alike.ts";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { backends } from "../lb/index.ts";

const out = mkdtempSync(path.join(tmpdir(), "pmtu-"));
test.after.always(() => rmSync(out, { recursive: true, force: true }));

const LOAD = ["--icmp", "drop", "--targets", "4", "--connections", "200", "--duration", "7", "--stall", "2"];

type Clamped = readonly [
  name: string,
  args: readonly string[],
  expected: { hang: number; predicted: number; mispredicted: number; clampMtu?: number },
];

const cases: readonly Clamped[] = [
  ["nftables", ["--size", "1240"], { hang: 100, predicted: 100, mispredicted: 0 }],
  ["nftables", ["--set", "mssClamp=1300"], { hang: 0, predicted: 0, mispredicted: 0, clampMtu: 1300 }],
  // Nobody's ICMP errors come by, so those that cannot forward any run too.
  ["ecmp", ["--size", "1240"], { hang: 100, predicted: 100, mispredicted: 0 }],
  ...["iptables_statistic", "iptables_hmark", "nfqueue", "syn_only", "ecmp", "ecmp_resilient"].map(
    (name): Clamped => [name, ["--set", "mssClamp=1300"], { hang: 0, predicted: 0, mispredicted: 0, clampMtu: 1300 }],
  ),
];

for (const [i, [name, args, expected]] of someOf([...cases.entries()], [0, 1, 2, 5]))
  test.serial(
    `${name} ${args.join(" ")}: with ICMP filtered exactly the predicted ${expected.hang} hang`,
    async (t) => {
      const backend = backends.find((one) => one.name === name);
      if (isSkipped(t, (await backend?.missing(netns, backend.options.parse({}))) ?? [])) return;
      const { summary } = await runCase(t, `${name}_pmtu`, [...LOAD, ...args], { out: path.join(out, `${i}`) });
      const { verdict, reasons, pathMtu } = summary;
      t.is(verdict, "pass", reasons.join("\n"));
      t.like(pathMtu, { mtu: 1300, icmp: "drop", ...expected });
      t.is(
        reasons.some((text) => text.startsWith("Path MTU black hole: ICMP filtered")),
        expected.hang > 0,
      );
    },
  );
