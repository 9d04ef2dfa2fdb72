// SPDX-License-Identifier: Apache-2.0
// What finds no room in a guest: a table of connections in its own kernel that is full, and IPVS without free ports.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { someOf } from "../harness/testing/alike.ts";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-room-vm-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

const SIZE = ["--connections", "120", "--targets", "4", "--scale", "1", "--at", "3", "--duration", "9.5"];

for (const name of someOf(["iptables_statistic", "nftables", "syn_only"], [0]))
  test.serial(`${name}: a table of 50 lets in 50 of 120, and the kernel says that it is full`, async (t) => {
    const { missingVm } = await import("../harness/runtime/vm/missing.ts");
    if (isSkipped(t, await missingVm())) return;
    const out = path.join(scratch, name);
    const { status, summary } = await runCase(t, `${name}_scale_in`, [...SIZE, "--set", "conntrackMax=50"], {
      out,
      timeoutMs: 220_000,
    });
    t.is(status, 0, summary.reasons.join("\n"));
    t.is(summary.runtime, "vm", "chosen by itself");
    const { room } = summary;
    t.deepEqual([room?.connections, room?.established, room?.low, room?.high], [120, 50, 50, 50]);
    t.deepEqual(room?.byCause, { timeout: 70 });
    t.true((room?.said ?? 0) > 0);
    t.regex(summary.reasons.join(" "), /table full, dropping packet/);
  });

test.serial("ipvs with NAT: 8 ports for each of 4 targets and 2 families let in 64 of 120", async (t) => {
  const { missingVm } = await import("../harness/runtime/vm/missing.ts");
  if (isSkipped(t, await missingVm())) return;
  const words = ["forward=masq", "snatPorts=20000-20007"].flatMap((word) => ["--set", word]);
  const out = path.join(scratch, "ipvs");
  const { status, summary } = await runCase(t, "ipvs_scale_in", [...SIZE, ...words], { out, timeoutMs: 220_000 });
  t.is(status, 0, summary.reasons.join("\n"));
  const { room } = summary;
  t.deepEqual([room?.connections, room?.established, room?.low, room?.high], [120, 64, 64, 64]);
  t.true((room?.said ?? 0) > 0);
});
