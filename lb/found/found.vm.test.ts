// SPDX-License-Identifier: Apache-2.0
// Files of people's own for IPVS, in a guest: keepalived's, and what ipvsadm-save printed.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { someOf } from "../../harness/testing/alike.ts";
import { KERNEL, withGuest } from "../../harness/testing/guest.ts";
import { runCase } from "../../harness/testing/run-case.ts";

const CASES = path.join(import.meta.dirname, "../../harness/testing/cases/found");
const out = mkdtempSync(path.join(tmpdir(), "found-vm-"));
test.after.always(() => rmSync(out, { recursive: true, force: true }));

const words = "--targets 3 --scale 1 --family 4 --connections 100 --rate 100 --at 3,6 --duration 9";
const SMALL = [...words.split(" "), "--time", "virtual", "--accel", "tcg", "--kernel", KERNEL];

/** Weights 3, 1, 1 and 2, 1, 1: that share of 100 connections is at the first target. */
const files: [name: string, file: string, lost: number][] = [
  ["keepalived", "keepalived.conf", 60],
  ["as_found", "ipvsadm-save.txt", 50],
];
for (const [name, file, lost] of someOf(files, [0]))
  withGuest(
    `${name} as ${file} says: ${lost} of 100 connections are at the target that leaves, and are lost`,
    async (t) => {
      const args = [...SMALL, "--set", `config=${path.join(CASES, file)}`];
      const options = { out: path.join(out, name), timeoutMs: 400_000 };
      const { summary, status } = await runCase(t, `${name}_scale`, args, options);
      t.is(status, 0, summary.reasons.join("\n"));
      const [left, back] = summary.events;
      t.deepEqual([left?.lost, left?.mispredicted, back?.lost, back?.mispredicted], [lost, 0, 0, 0]);
      t.is(summary.connections.lostOutsideEvents, 0);
    },
  );
