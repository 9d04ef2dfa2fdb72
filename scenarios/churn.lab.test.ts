// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { netns } from "../harness/runtime/netns.ts";
import { runCase, runOnce, untilSufficient } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { EXIT } from "../harness/util/exit-codes.ts";
import { ecmpResilient } from "../lb/ecmp/ecmp.ts";
import { haproxy } from "../lb/proxies/haproxy.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-churn-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

test.serial("with least connections the targets that returned get all new connections", async (t) => {
  if (isSkipped(t, await haproxy.missing(netns, haproxy.options.parse({})))) return;
  const args = ["--set", "scheduler=leastconn", "--connections", "1000", "--rate", "2000"];
  const times = ["--at", "1 2.5 4", "--duration", "6"];
  let [one, two, rest] = [0, 0, 0];
  const { status, summary } = await untilSufficient(t, async (attempt) => {
    const found = await runOnce("haproxy_churn", [...args, ...times], { out: path.join(scratch, `${attempt}`) });
    const last = found.summary.spreadAfterEvents?.find(({ event }) => event === 3);
    const { "vm-001": first = 0, "vm-002": second = 0, ...others } = last?.perTarget ?? {};
    [one, two, rest] = [first, second, Object.values(others).reduce((sum, n) => sum + n, 0)];
    // How many come only once the change is in force depends on the machine: too few say nothing.
    return one + two + rest < 10 && found.status === EXIT.passed ? { ...found, status: EXIT.insufficient } : found;
  });
  t.is(status, 0, summary.reasons.join("\n"));
  // Of ten by equal shares all would be there once in 3 million runs.
  t.true(one >= 3 && two >= 3 && rest <= 0.05 * (one + two), `${one}, ${two} and ${rest}`);
});

test.serial(
  "buckets that nobody has used since they moved go back to who returned: each connection is predicted",
  async (t) => {
    if (isSkipped(t, await ecmpResilient.missing(netns, ecmpResilient.options.parse({})))) return;
    const times = ["--at", "1.5 3 4.5", "--duration", "6"];
    const few = (...more: string[]) => ["--connections", "200", "--set", "buckets=128", ...times, ...more];
    const out = path.join(scratch, "resilient");
    const { status, summary } = await runCase(t, "ecmp_resilient_churn", few("--rate", "600"), { out });
    t.is(status, 0, summary.reasons.join("\n"));
    const { checked, mispredicted } = summary.assigned ?? { checked: 0, mispredicted: -1 };
    t.true(checked > 240 && mispredicted === 0, JSON.stringify(summary.assigned));
    t.deepEqual(
      summary.events.map((event) => event.mispredicted),
      [0, 0, 0],
    );
    const byTimer = few("--rate", "300", "--set", "idleTimer=0.3");
    const late = await runCase(t, "ecmp_resilient_churn", byTimer, { out: path.join(scratch, "timer") });
    t.is(late.status, 0, late.summary.reasons.join("\n"));
  },
);
