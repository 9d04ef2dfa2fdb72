// SPDX-License-Identifier: Apache-2.0
// IPVS with NAT and clients that use a target's own address from the port of their connection to the VIP, in a guest.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { someOf } from "../harness/testing/alike.ts";
import { KERNEL, withGuest } from "../harness/testing/guest.ts";
import { runCase } from "../harness/testing/run-case.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-direct-vm-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

const SMALL = ["--targets", "4", "--connections", "80", "--kernel", KERNEL];

for (const [protocol, more] of someOf<["tcp" | "udp", string[]]>(
  [
    ["tcp", []],
    ["tcp", ["--set", "masquerade=true"]],
    ["udp", []],
  ],
  [0],
))
  withGuest(
    `ipvs forward=masq ${more.join(" ")} over ${protocol}: a client's own target does not answer`,
    async (t) => {
      const out = path.join(scratch, `${protocol}${more.length}`);
      const args = [...SMALL, "--protocol", protocol, "--set", "forward=masq", ...more];
      const { status, summary } = await runCase(t, "ipvs_direct", args, { out, timeoutMs: 400_000 });
      t.is(status, 0, summary.reasons.join("\n"));
      const { direct } = summary;
      t.true((direct?.toSame.lost ?? 0) >= 10, JSON.stringify(direct));
      t.is((direct?.toSame.lost ?? 0) + (direct?.toOther.lives ?? 0), 80);
      t.is(summary.connections.lost, 0);
    },
  );
