// SPDX-License-Identifier: Apache-2.0
// Cases by the program, for tests. A machine that other tests keep busy may be no judge of a case: then it is run again.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { ExecutionContext } from "ava";
import type { Summary } from "../record/schema.ts";
import { EXIT } from "../util/exit-codes.ts";
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
export async function untilSufficient<R extends Pick<CaseResult, "status" | "summary">>(
  t: Pick<ExecutionContext, "log">,
  run: (attempt: number) => Promise<R>,
): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    const result = await run(attempt);
    if (result.status !== EXIT.insufficient || attempt === ATTEMPTS) return result;
    t.log(`Attempt ${attempt} of ${ATTEMPTS} has no result: ${result.summary.reasons.join(" ")}`);
  }
}

async function runOnce(
  name: string,
  args: readonly string[],
  { out, env = {}, timeoutMs = 120_000 }: CaseOptions,
): Promise<CaseResult> {
  const { status, stderr } = await runMain(["test", name, "--out", out, ...args], { env, timeoutMs });
  const id = existsSync(out)
    ? readdirSync(out).find((one) => existsSync(path.join(out, one, "summary.json")))
    : undefined;
  if (id === undefined) throw new Error(`'test ${name}' left no record: ${stderr}`);
  const dir = path.join(out, id);
  return { status, stderr, dir, summary: JSON.parse(readFileSync(path.join(dir, "summary.json"), "utf8")) as Summary };
}
