// SPDX-License-Identifier: Apache-2.0
// More than one VIP in a run: each backend serves all of them, and each VIP is judged for itself.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { netns } from "../harness/runtime/netns.ts";
import { someOf } from "../harness/testing/alike.ts";
import { root, runMain } from "../harness/testing/machine.ts";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { backends } from "../lb/index.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-vips-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

const LOAD = "--targets 4 --scale 1 --connections 400 --rate 800 --at 2 --duration 4".split(" ");
const SERVING = ["nfqueue", "ecmp", "iptables_statistic", "iptables_hmark", "nftables", "haproxy", "nginx"];

for (const name of someOf(SERVING, [0, 1, 4]))
  test.serial(
    `${name} serves three VIPs: every connection where the oracle says, and each VIP for itself`,
    async (t) => {
      const backend = backends.find((one) => one.name === name);
      if (!backend) return t.fail();
      if (isSkipped(t, [...(await netns.missing()), ...(await backend.missing(netns, backend.options.parse({})))]))
        return;
      const args = [...LOAD, "--vips", "3"];
      const { summary } = await runCase(t, `${name}_scale_in`, args, { out: path.join(scratch, name) });
      const { verdict, reasons, vips = [], events, assigned, connections } = summary;
      t.is(verdict, "pass", reasons.join("\n"));
      t.deepEqual(
        vips.map(({ vip }) => vip),
        ["10.0.0.0", "10.0.0.1", "10.0.0.2", "1000::", "1000::1", "1000::2"],
      );
      t.is(
        vips.reduce((sum, { established }) => sum + established, 0),
        400,
      );
      t.is(
        vips.reduce((sum, { lost }) => sum + lost, 0),
        connections.lost,
      );
      for (const { planned, established } of vips) t.true(established === planned && planned > 60 && planned < 70);
      t.is(assigned.mispredicted, 0);
      t.is(events[0]?.mispredicted, 0);
    },
  );

test.serial("a VIP that nothing comes to fails the run, by name, and the others do not", async (t) => {
  if (isSkipped(t, await netns.missing())) return;
  const words = ["--backend", path.join(root, "lb/broken/deaf.ts"), "--vips", "2", "--family", "4"];
  const out = path.join(scratch, "deaf");
  const { status, summary } = await runCase(t, "broken-deaf_scale_in", [...LOAD, ...words], { out });
  t.is(status, 1);
  const named = summary.reasons.filter((reason) => reason.startsWith("VIP "));
  t.is(named.length, 1, summary.reasons.join("\n"));
  t.regex(named.join(), /^VIP 10\.0\.0\.1: 200 of 200 connections were not established\.$/);
});

test("a backend with one VIP is a skip that says so, and a scenario with one is wrong usage", async (t) => {
  const out = path.join(scratch, "skip");
  const { status, stdout } = await runMain([
    "test",
    "xdp_scale_in",
    "--runtime",
    "netns",
    "--vips",
    "2",
    "--out",
    out,
    "--json",
  ]);
  t.is(status, 77);
  t.regex(stdout, /serves one VIP\. Try --vips 1/);
});
