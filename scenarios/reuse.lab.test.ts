// SPDX-License-Identifier: Apache-2.0
// The same 5-tuples opened again, before and after a target has left: what conntrack makes of them.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { netns } from "../harness/runtime/netns.ts";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { backends } from "../lb/index.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-reuse-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

const cases: [backend: string, protocol: "tcp" | "udp", words: string[], gone: "again" | "same" | "lost"][] = [
  ["iptables_statistic", "tcp", [], "again"],
  ["iptables_statistic", "udp", [], "again"],
  ["iptables_statistic", "udp", ["leave=drain"], "same"],
  ["nftables", "udp", ["leave=dead"], "lost"],
];
for (const [name, protocol, words, gone] of cases)
  test.serial(
    `${name} ${words.join(" ")}: a 5-tuple of a target that has left, over ${protocol}: ${gone}`,
    async (t) => {
      const backend = backends.find((one) => one.name === name);
      if (isSkipped(t, (await backend?.missing(netns, backend.options.parse({}))) ?? [])) return;
      const args = ["--same-tuple", "--targets", "4", "--scale", "1", "--protocol", protocol];
      const out = path.join(scratch, `${process.hrtime.bigint()}`);
      const { status, summary } = await runCase(t, name, [...args, ...words.flatMap((word) => ["--set", word])], {
        out,
      });
      t.is(status, 0, summary.reasons.join("\n"));
      const { reuse } = summary;
      t.is(reuse?.unjudged, 0);
      t.is((reuse?.moved ?? 0) > 0, protocol === "tcp");
      const { mispredicted, ...left } = reuse?.goneReturns ?? { mispredicted: 1 };
      t.is(mispredicted, 0);
      t.deepEqual(
        Object.entries(left).flatMap(([how, n]) => (n > 0 ? [how] : [])),
        [gone],
      );
    },
  );
