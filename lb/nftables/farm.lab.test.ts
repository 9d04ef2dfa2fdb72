// SPDX-License-Identifier: Apache-2.0
// Farm files under traffic, predicted connection by connection; and rules without a memory, which are told from those that have one.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { netns } from "../../harness/testing/lab.ts";
import { runMain } from "../../harness/testing/machine.ts";
import { runCase } from "../../harness/testing/run-case.ts";
import { isSkipped } from "../../harness/testing/skip.ts";
import { nftables } from "./nftables.ts";

const out = mkdtempSync(path.join(tmpdir(), "farm-"));
test.after.always(() => rmSync(out, { recursive: true, force: true }));
const missing = async () => [
  ...(await netns.missing()),
  ...(await nftables.missing(netns, nftables.options.parse({}))),
];

const LOAD = "--connections 400 --rate 800 --at 1 --duration 3".split(" ");
const backends = [3, 1, 4, 2].map((n) => ({ name: `b${n}`, "ip-addr": `192.168.1.${n}`, weight: n }));
const AT_VIP = { "virtual-addr": "10.0.0.0", scheduler: "hash", "sched-param": "srcip srcport", backends };

function farmFile(...farms: Record<string, unknown>[]): string[] {
  const file = path.join(out, `${farms.map(({ name }) => name).join("-")}.json`);
  writeFileSync(file, JSON.stringify({ farms }));
  return ["--targets", "4", "--family", "4", "--set", `farm=${file}`];
}

test.serial("without state a file's hash moves as few connections as it must, each as predicted", async (t) => {
  if (isSkipped(t, await missing())) return;
  const web = { ...AT_VIP, name: "stateless", mode: "stlsdnat", "virtual-ports": "5001,5003" };
  const other = { name: "other", "virtual-addr": "10.0.0.0", "virtual-ports": "80", mode: "dnat", backends };
  const words = [...farmFile(web, other), ...LOAD, "--scale", "1", "--protocol", "tcp"];
  const { summary } = await runCase(t, "nftables_scale_in", words, { out: path.join(out, "hash") });
  t.is(summary.verdict, "pass", summary.reasons.join("\n"));
  const [event] = summary.events;
  t.is(event?.mispredicted, 0);
  // A tenth of the slots is the leaving target's; a last slot takes its place, and the borders of the others shift.
  t.true((event?.lost ?? 0) / (event?.alive ?? 1) < 0.3, `${event?.lost} of ${event?.alive}`);
});

test.serial(
  "direct return in turn is remembered for each connection: those of the leaving target are lost",
  async (t) => {
    if (isSkipped(t, await missing())) return;
    const turns = { ...AT_VIP, name: "turns", mode: "dsr", scheduler: "rr", protocol: "udp", "virtual-ports": "" };
    const words = [...farmFile(turns), ...LOAD, "--scale", "4", "--protocol", "udp"];
    const { summary } = await runCase(t, "nftables_scale_in", words, { out: path.join(out, "turns") });
    t.is(summary.verdict, "pass", summary.reasons.join("\n"));
    t.like(summary.events[0], { lost: 160, predicted: 160, mispredicted: 0 });
  },
);

test.serial("asked to be unsafe, connections split over targets, and test and gate say so", async (t) => {
  if (isSkipped(t, await missing())) return;
  const unsafe =
    "--targets 4 --connections 300 --set mode=stateless_dnat --set scheduler=weight --set unsafe=true".split(" ");
  const { summary, dir } = await runCase(t, "nftables", unsafe, { out: path.join(out, "unsafe") });
  t.is(summary.verdict, "fail");
  t.regex(summary.reasons[0] ?? "", /connections split over targets, [\d,]+ of [\d,]+/);
  t.true((summary.split?.split ?? 0) > 0.7 * (summary.split?.connections ?? 1), JSON.stringify(summary.split));
  const gate = await runMain(["gate", dir]);
  t.is(gate.status, 1);
  t.regex(gate.stdout, /FAILED .*connections split over targets/);
});
