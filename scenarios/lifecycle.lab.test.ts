// SPDX-License-Identifier: Apache-2.0
// How long service was away, by the connections' own times, against the lab's.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import type { EventSummary } from "../harness/record/schema.ts";
import { netns } from "../harness/runtime/netns.ts";
import { runOnce, untilSufficient } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { nfqueue } from "../lb/nfqueue/nfqueue.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-lifecycle-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

/** Between two messages, and between two attempts to connect, is less on a machine that has time for them. */
const EXACT_MS = 2;
/** What a busy machine may make of it: more would tell nothing of an outage of 500 ms. */
const LATE_MS = 20;
const LOAD = "--protocol udp --targets 4 --connections 400 --rate 1000 --at".split(" ");

test.serial("an outage is measured to 2 ms, for open and for new connections", async (t) => {
  if (isSkipped(t, await nfqueue.missing(netns, nfqueue.options.parse({})))) return;
  const { summary } = await untilSufficient(t, (attempt) =>
    runOnce("nfqueue_crash", [...LOAD, "1.5 2", "--duration", "4"], { out: path.join(scratch, `${attempt}`) }),
  );
  t.is(summary.verdict, "pass", summary.reasons.join("\n"));
  const [killed, restarted] = summary.events;
  if (!killed?.interruption || !restarted) return t.fail();
  const { open, fresh } = killed.interruption;
  for (const silence of [open, fresh]) {
    if (!silence) return t.fail();
    // The lab knows when it began to kill, and to start, and when that was done.
    const boundMs = Math.max(EXACT_MS, 2 * (silence.exactMs ?? 0));
    t.true(boundMs < LATE_MS, `attempts and messages are ${boundMs} ms apart`);
    isWithin(t, silence.fromMs, killed, boundMs);
    isWithin(t, silence.toMs, restarted, boundMs);
    t.true(silence.missed > 100, `${silence.missed}`);
  }
});

function isWithin(t: ExecutionContext, ms: number, { askedMs, inForceMs }: EventSummary, boundMs: number): void {
  t.true(ms >= askedMs - boundMs && ms <= inForceMs + boundMs, `${ms} ms, and it was from ${askedMs} to ${inForceMs}`);
}
