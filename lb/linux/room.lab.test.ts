// SPDX-License-Identifier: Apache-2.0
// More connections than the router's own address has ports for, and a table that only a kernel of one's own lets one limit.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { someOf } from "../../harness/testing/alike.ts";
import { netns } from "../../harness/testing/lab.ts";
import { runCase } from "../../harness/testing/run-case.ts";
import { isSkipped } from "../../harness/testing/skip.ts";
import { backends } from "../index.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-room-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

const set = (words: readonly string[]) => words.flatMap((word) => ["--set", word]);

function run(t: ExecutionContext, name: string, words: readonly string[], more: readonly string[] = []) {
  const args = ["--connections", "120", "--targets", "4", "--scale", "1", "--at", "3", "--duration", "9.5", ...more];
  return runCase(t, name, [...args, ...set(words)], { out: path.join(scratch, `${process.hrtime.bigint()}`) });
}

const PORTS = "snatPorts=20000-20007";
const exhausted: [backend: string, words: string[]][] = [
  ["iptables_statistic", [PORTS]],
  ["iptables_statistic", [PORTS, "randomFully=true"]],
  ["nftables", [PORTS, "mode=snat"]],
  ["nftables", [PORTS, "scheduler=hash"]],
];
for (const [name, words] of someOf(exhausted, [0, 2]))
  test.serial(
    `${name} ${words.join(" ")}: 8 ports for each of 4 targets and 2 families let in 64 of 120`,
    async (t) => {
      const backend = backends.find((one) => one.name === name);
      if (isSkipped(t, (await backend?.missing(netns, backend.options.parse({}))) ?? [])) return;
      const { status, summary, stderr } = await run(t, `${name}_scale_in`, words);
      t.is(status, 0, summary.reasons.join("\n"));
      t.regex(stderr, /8 ports .*: at most 64 of 120 are let in/);
      const { room } = summary;
      t.deepEqual([room?.connections, room?.established, room?.low, room?.high], [120, 64, 64, 64]);
      t.deepEqual(room?.byCause, { timeout: 56 });
      t.true((room?.said ?? 0) >= 56, `${room?.said}`);
      t.is(summary.packets.unaccounted, 0);
    },
  );

test.serial("ports for all: every connection has room, and the report says so", async (t) => {
  const { status, summary } = await run(t, "nftables_scale_in", ["snatPorts=20000-20063"]);
  t.is(status, 0, summary.reasons.join("\n"));
  t.regex(summary.reasons.join(" "), /64 ports .* all had room/);
});

for (const name of ["iptables_statistic", "nftables"])
  test.serial(`${name}: ports drawn at random are hardly ever the client's, else it is kept`, async (t) => {
    const args = ["--connections", "300", "--targets", "4", "--sources", "5"];
    for (const [value, kept] of [
      ["true", 0],
      ["false", 300],
    ] as const) {
      const out = path.join(scratch, `${process.hrtime.bigint()}`);
      const { status, summary } = await runCase(t, name, [...args, ...set([`randomFully=${value}`])], { out });
      t.is(status, 0, summary.reasons.join("\n"));
      t.is((summary.snat?.kept ?? 0) + (summary.snat?.changed ?? 0), 300);
      t.true(Math.abs((summary.snat?.kept ?? 999) - kept) <= 1, JSON.stringify(summary.snat));
    }
  });

test.serial("a table that all namespaces share is a skip with netns, with the remedy", async (t) => {
  const { status, summary } = await run(t, "nftables_scale_in", ["conntrackMax=50"], ["--runtime", "netns"]);
  t.is(status, 77);
  t.regex(summary.reasons.join(" "), /conntrackMax\) is set for all network namespaces .* Try --runtime vm\./);
});
