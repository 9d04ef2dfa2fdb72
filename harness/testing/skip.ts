// SPDX-License-Identifier: Apache-2.0
// AVA cannot skip a test that is running. A test that finds out only then that it cannot run here says so with this, and the suite's
// closing step counts it as skipped, prints its reasons and checks that this machine may skip it.
import { appendFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import { root } from "./machine.ts";
import { SKIPS_VARIABLE, type Skip } from "./skips.ts";

/** Whether there are reasons why this test cannot run here: then it is recorded as skipped, and must return at once. */
export function isSkipped(t: ExecutionContext, reasons: readonly string[]): boolean {
  if (reasons.length === 0) return false;
  const skip: Skip = { file: path.relative(root, fileURLToPath(test.meta.file)), title: t.title, reasons };
  const collected = process.env[SKIPS_VARIABLE];
  if (collected) appendFileSync(collected, `${JSON.stringify(skip)}\n`);
  for (const reason of reasons) t.log(`SKIP: ${reason}`);
  t.pass();
  return true;
}
