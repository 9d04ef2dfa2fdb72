// SPDX-License-Identifier: Apache-2.0
// Several services behind one balancer: each connection goes where its flow says, and changes of flows move their own only.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { netns } from "../harness/runtime/netns.ts";
import { root } from "../harness/testing/machine.ts";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-flows-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

const WORDS = "--connections 400 --rate 1600 --at 1.5,2.2,2.9,3.6 --duration 4.4".split(" ");

test("flows of a file change under traffic: none but their own connections move", async (t) => {
  if (isSkipped(t, await netns.missing())) return;
  const words = [...WORDS, "--flows", path.join(root, "images/example/flows.jsonc")];
  const { summary } = await runCase(t, "nfqueue_reconfigure", words, { out: scratch });
  t.is(summary.verdict, "pass", summary.reasons.join("\n"));
  t.deepEqual(
    summary.flows?.map(({ flow, perTarget }) => [flow, Object.keys(perTarget)]),
    [
      ["api", ["vm-007", "vm-008"]],
      ["branch", ["vm-005", "vm-006"]],
      ["odd", ["vm-009", "vm-010"]],
      ["web", ["vm-001", "vm-002", "vm-003", "vm-004"]],
    ],
  );
  t.is(
    summary.flows?.reduce((sum, { established }) => sum + established, 0),
    400,
  );
  t.is(summary.events.length, 4);
  for (const { mispredicted, lost } of summary.events) t.true(mispredicted === 0 && lost > 0 && lost < 200);
  t.is(summary.connections.lostOutsideEvents, 0);
});
