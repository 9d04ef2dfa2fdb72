// SPDX-License-Identifier: Apache-2.0
// Cases by the program, for tests. A machine that other tests keep busy may be no judge of a case: then it is run again.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { ExecutionContext } from "ava";
import type { Summary } from "../record/schema.ts";
import { EXIT, exitCodeOf } from "../util/exit-codes.ts";
import { runMain } from "./machine.ts";

const ATTEMPTS = 3;

export interface CaseResult {
  status: number | null;
  stderr: string;
  summary: Summary;
  /** Of its record. */
  dir: string;
}

export interface CaseOptions {
  /** A folder for this case alone, which is made. */
  out: string;
  env?: NodeJS.ProcessEnv;
  timeoutMs?: number;
}

/** Runs one case, and again while it has no result. Throws with its stderr when it leaves no record. */
export function runCase(
  t: ExecutionContext,
  name: string,
  args: readonly string[],
  options: CaseOptions,
): Promise<CaseResult> {
  return untilSufficient(t, (attempt) =>
    runOnce(name, args, { ...options, out: path.join(options.out, `${attempt}`) }),
  );
}

/**
 * Up to 3 times, while the exit code says "insufficient": every other one, of a failure above all, is the result at once.
 * `attempt` counts from 1.
 */
export async function untilSufficient<R extends Pick<CaseResult, "status"> & { summary: Summary | null }>(
  t: Pick<ExecutionContext, "log">,
  run: (attempt: number) => Promise<R>,
): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    const result = await run(attempt);
    if (result.status !== EXIT.insufficient || attempt === ATTEMPTS) return result;
    t.log(`Attempt ${attempt} of ${ATTEMPTS} has no result: ${result.summary?.reasons.join(" ")}`);
  }
}

/** Runs one case, once. Throws with its stderr when it leaves no record. */
export async function runOnce(name: string, args: readonly string[], options: CaseOptions): Promise<CaseResult> {
  const { out, env = {}, timeoutMs = 120_000 } = options;
  const { status, stderr } = await runMain(["test", name, "--out", out, ...args], { env, timeoutMs });
  const [record] = recordsIn(out);
  if (record === undefined) throw new Error(`'test ${name}' left no record: ${stderr}`);
  return { status, stderr, ...record };
}

/** Runs several cases in one process, each once: by their names, those that left a record, with the exit code that each would have alone. */
export async function runCases(
  names: readonly string[],
  args: readonly string[],
  { out }: Pick<CaseOptions, "out">,
): Promise<Map<string, CaseResult>> {
  const { stderr } = await runMain(["test", ...names, "--out", out, ...args], { timeoutMs: 60_000 * names.length });
  return new Map(
    recordsIn(out).map((one) => [one.summary.case, { status: exitCodeOf([one.summary.verdict]), stderr, ...one }]),
  );
}

function recordsIn(out: string): Pick<CaseResult, "dir" | "summary">[] {
  return (existsSync(out) ? readdirSync(out).sort() : [])
    .map((name) => path.join(out, name))
    .filter((dir) => existsSync(path.join(dir, "summary.json")))
    .map((dir) => ({ dir, summary: JSON.parse(readFileSync(path.join(dir, "summary.json"), "utf8")) as Summary }));
}
