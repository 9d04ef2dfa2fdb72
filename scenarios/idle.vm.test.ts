// SPDX-License-Identifier: Apache-2.0
// Time for free: hours of silence in seconds.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { runsAll, someOf } from "../harness/testing/alike.ts";
import { KERNEL, withGuest } from "../harness/testing/guest.ts";
import { runCase } from "../harness/testing/run-case.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-idle-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

const words = "--silence 2h --set timeouts=0,0,0 --targets 4 --connections 20 --time virtual --accel tcg".split(" ");

for (const [keepalive, lost] of someOf<[string, number]>(
  [
    ["20min", 20],
    ["10min", 0],
  ],
  [0],
))
  withGuest(
    `IPVS forgets after 15 minutes: with keepalives after ${keepalive}, ${lost} of 20 are lost in 2 h`,
    async (t) => {
      const out = path.join(scratch, keepalive);
      const more = ["--kernel", KERNEL, "--keepalive", keepalive];
      const { status, summary } = await runCase(t, "ipvs_idle", [...words, ...more], { out, timeoutMs: 600_000 });
      t.is(status, 0, summary.reasons.join("\n"));
      t.is(summary.clock, "virtual");
      t.is(summary.connections.established - summary.connections.lost, 20);
      if (lost === 0) t.is(summary.connections.lost, 0);
      else t.true((summary.forgotten?.lost ?? 0) >= lost, `${summary.forgotten?.lost}`);
      t.is(summary.connections.lostOutsideEvents, 0);
    },
  );

if (runsAll)
  withGuest("after 30 days of silence a balancer without memory has lost none, and IPVS all", async (t) => {
    const long = "--silence 30d --targets 4 --connections 20 --time virtual --accel tcg".split(" ");
    for (const [name, isLost] of [
      ["nfqueue_idle", false],
      ["ipvs_idle", true],
    ] as const) {
      const words = [...long, "--kernel", KERNEL, ...(isLost ? ["--set", "timeouts=0,0,0"] : [])];
      const { status, summary } = await runCase(t, name, words, {
        out: path.join(scratch, name),
        timeoutMs: 3_600_000,
      });
      t.is(status, 0, summary.reasons.join("\n"));
      t.is(summary.clock, "virtual");
      t.is(summary.forgotten?.lost ?? 0, isLost ? 20 : 0);
    }
  });
