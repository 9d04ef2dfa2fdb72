// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { seedIsSettable } from "./seed.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-tiers-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

test.serial("two tiers with one hash and one seed polarise, and the case fails and says so", async (t) => {
  if (isSkipped(t, await seedIsSettable())) return;
  const args = ["--connections", "1000", "--set", "hashSeed=1"];
  const { status, summary } = await runCase(t, "ecmp_tiers", args, { out: path.join(scratch, "same") });
  t.is(status, 1);
  t.is(summary.assigned.mispredicted, 0);
  t.is(summary.reasons.length, 1, summary.reasons.join("\n"));
  t.regex(summary.reasons.join(), /^Polarisation: .*vm-201 reaches 5 of 10 targets, vm-202 5;/);
});

test.serial("a seed of its own for each tier cures it: every router reaches every target", async (t) => {
  if (isSkipped(t, await seedIsSettable())) return;
  const { status, summary } = await runCase(t, "ecmp_tiers", ["--connections", "1000"], {
    out: path.join(scratch, "own"),
  });
  t.is(status, 0, summary.reasons.join("\n"));
  const rows = Object.values(summary.tiers?.perRouter ?? {});
  t.true(rows.length === 2 && rows.every((row) => Object.values(row).every((n) => n > 0)));
});
