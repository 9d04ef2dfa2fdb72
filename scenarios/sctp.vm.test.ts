// SPDX-License-Identifier: Apache-2.0
// Associations, with two paths or one, in a guest whose kernel has SCTP: all of them stay, or exactly those are lost that were predicted.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { someOf } from "../harness/testing/alike.ts";
import { KERNEL, withGuest } from "../harness/testing/guest.ts";
import { runCase } from "../harness/testing/run-case.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-sctp-vm-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

const N = 60;
const SMALL = ["--targets", "4", "--connections", `${N}`, "--kernel", KERNEL, "--protocol", "sctp"];
const TIMES = ["--at", "4,11", "--duration", "17"];

/** Whose packets are steered by a hash, translated by rules in turn, and translated by a map. */
for (const name of someOf(["iptables_hmark", "iptables_statistic", "nftables"], []))
  withGuest(`${name}: exactly the predicted associations are lost when targets leave and return`, async (t) => {
    const args = [...SMALL, "--at", "2 5", "--duration", "7"];
    const out = path.join(scratch, name);
    const { status, summary } = await runCase(t, `${name}_scale`, args, { out, timeoutMs: 400_000 });
    t.is(status, 0, summary.reasons.join("\n"));
    for (const { lost, predicted, mispredicted } of summary.events) t.deepEqual([lost, mispredicted], [predicted, 0]);
    t.true((summary.events[0]?.lost ?? 0) > 15 && summary.connections.lostOutsideEvents === 0);
  });

/** How many of N are lost: by addresses too, three of four have another target on the second path. */
for (const [hash, least, most] of someOf(
  [
    ["flow", 33, 57],
    ["ports", 0, 0],
  ] as const,
  [0],
))
  withGuest(`sctpHash=${hash}: a second path comes up, and the first one dies`, async (t) => {
    const out = path.join(scratch, hash);
    const args = [...SMALL, ...TIMES, "--set", `sctpHash=${hash}`];
    const { status, summary } = await runCase(t, "nfqueue_path_loss", args, { out, timeoutMs: 400_000 });
    t.is(status, 0, summary.reasons.join("\n"));
    const [first, after] = summary.events;
    if (!first) return t.fail();
    const { alive, lost, predicted, mispredicted } = first;
    t.deepEqual([alive, predicted, mispredicted], [N, lost, 0]);
    t.true(lost >= least && lost <= most, `${lost}`);
    t.deepEqual([after?.alive, after?.lost], [N - lost, 0]);
    t.is(summary.connections.lostOutsideEvents, 0);
  });
