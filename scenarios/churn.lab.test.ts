// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { netns } from "../harness/runtime/netns.ts";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { haproxy } from "../lb/proxies/haproxy.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-churn-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

test.serial("with least connections the targets that returned get all new connections", async (t) => {
  if (isSkipped(t, await haproxy.missing(netns, haproxy.options.parse({})))) return;
  const args = ["--set", "scheduler=leastconn", "--connections", "1000", "--rate", "2000"];
  const times = ["--at", "1 2.5 4", "--duration", "6"];
  const { status, summary } = await runCase(t, "haproxy_churn", [...args, ...times], { out: scratch });
  t.is(status, 0, summary.reasons.join("\n"));
  const last = summary.spreadAfterEvents?.find(({ event }) => event === 3);
  const { "vm-001": one = 0, "vm-002": two = 0, ...others } = last?.perTarget ?? {};
  const rest = Object.values(others).reduce((sum, n) => sum + n, 0);
  t.true(one > 20 && two > 20 && rest <= 0.05 * (one + two), JSON.stringify(last));
});
