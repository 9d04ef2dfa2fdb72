// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Summary } from "../record/schema.ts";
import { EXIT } from "../util/exit-codes.ts";
import { untilSufficient } from "./run-case.ts";

/** Attempts with these exit codes, one after the other; what is logged, and what came out. */
async function attempts(...codes: number[]) {
  const said: string[] = [];
  let runs = 0;
  const result = await untilSufficient({ log: ((line: string) => said.push(line)) as never }, async () => ({
    status: codes[runs++] ?? null,
    summary: { reasons: ["The generator fell behind."] } as unknown as Summary,
  }));
  return { status: result.status, runs, said };
}

test("a run without a result is made again, and the log says why", async (t) => {
  t.deepEqual(await attempts(EXIT.insufficient, EXIT.passed), {
    status: EXIT.passed,
    runs: 2,
    said: ["Attempt 1 of 3 has no result: The generator fell behind."],
  });
});

test("the third run without a result is the last", async (t) => {
  const { status, runs } = await attempts(EXIT.insufficient, EXIT.insufficient, EXIT.insufficient, EXIT.passed);
  t.deepEqual([status, runs], [EXIT.insufficient, 3]);
});

test("every other exit code is the result at once: a failure is never tried away", async (t) => {
  for (const code of [EXIT.passed, EXIT.failed, EXIT.usage, EXIT.infrastructure, EXIT.skipped]) {
    const { status, runs, said } = await attempts(code, EXIT.passed);
    t.deepEqual([status, runs, said], [code, 1, []]);
  }
  t.deepEqual((await attempts(EXIT.insufficient, EXIT.failed, EXIT.passed)).status, EXIT.failed);
});
