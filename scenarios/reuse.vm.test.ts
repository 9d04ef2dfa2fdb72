// SPDX-License-Identifier: Apache-2.0
// IPVS and 5-tuples that are opened again (conn_reuse_mode), in a guest.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { someOf } from "../harness/testing/alike.ts";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-reuse-vm-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

const cases: [title: string, words: string[], moves: boolean, gone: "again" | "same" | "lost"][] = [
  ["mode 1 chooses anew after TIME_WAIT", ["connReuseMode=1", "masquerade=true"], true, "again"],
  ["mode 0 keeps to a target that is gone: a black hole", ["connReuseMode=0", "expireNodest=false"], false, "lost"],
];
for (const [title, words, moves, gone] of someOf(cases, [0]))
  test.serial(`ipvs: ${title}`, async (t) => {
    const { missingVm } = await import("../harness/runtime/vm/missing.ts");
    if (isSkipped(t, await missingVm())) return;
    const set = ["forward=masq", ...words].flatMap((word) => ["--set", word]);
    const args = ["--same-tuple", "--targets", "4", "--scale", "1", ...set];
    const out = path.join(scratch, `${process.hrtime.bigint()}`);
    const { status, summary } = await runCase(t, "ipvs", args, { out, timeoutMs: 220_000 });
    t.is(status, 0, summary.reasons.join("\n"));
    const { reuse } = summary;
    t.is((reuse?.moved ?? 0) > 0, moves);
    t.is(reuse?.late, 0, "the client closes first, so that conntrack has forgotten the connection");
    t.true((reuse?.goneReturns[gone] ?? 0) >= 20, JSON.stringify(reuse));
    t.is(reuse?.goneReturns.mispredicted, 0);
  });
