// SPDX-License-Identifier: Apache-2.0
// Clients that use the VIP and, from the same port, a target's own address: with conntrack and without.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { netns } from "../harness/runtime/netns.ts";
import { someOf } from "../harness/testing/alike.ts";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { nftables } from "../lb/nftables/nftables.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-direct-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

const cases = [
  ["conntrack gives the second connection another port: both live", "tcp", "dnat", "lives"],
  ["without conntrack all answers get the VIP's address: the second has none", "udp", "stateless_dnat", "lost"],
] as const;
for (const [title, protocol, mode, fate] of someOf(cases, [0]))
  test.serial(`nftables ${mode}, ${protocol}: ${title}`, async (t) => {
    if (isSkipped(t, await nftables.missing(netns, nftables.options.parse({})))) return;
    const words = ["--targets", "4", "--connections", "160", "--protocol", protocol, "--set", `mode=${mode}`];
    const { status, summary } = await runCase(t, "nftables_direct", words, { out: path.join(scratch, mode) });
    t.is(status, 0, summary.reasons.join("\n"));
    const { direct, connections } = summary;
    t.true((direct?.toSame[fate] ?? 0) >= 20, JSON.stringify(direct));
    t.is((direct?.toSame[fate] ?? 0) + (direct?.toOther[fate] ?? 0), 160);
    t.is(direct?.unjudged, 0);
    t.is(connections.lost, 0);
  });
