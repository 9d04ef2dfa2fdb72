// SPDX-License-Identifier: Apache-2.0
// This program as another process, and what it and all that it started took of this machine.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { launchProgram } from "../host/program.ts";
import { LabError } from "../runtime/runtime.ts";

/** Reports of a million connections take a minute on a slow machine. */
export const LONGEST_RUN_MS = 900_000;
const PROGRAM = fileURLToPath(new URL("../../load-balancer.ts", import.meta.url));
const LOOK_MS = 20;
/** USER_HZ, which the kernel's ABI fixes. */
const TICK_MS = 10;

export interface Watched {
  ms: number;
  /** Most memory that the program ever had resident, and the largest of its descendants. */
  peakMiB: number;
  descendantMiB: number;
  /** CPU time of the program and of those descendants that have ended. */
  cpuMs: number;
}

/** Runs this program, and looks at it until it ends. Throws LabError unless it ends with one of these codes. */
export async function watched(
  words: readonly string[],
  signal: AbortSignal,
  codes: readonly number[] = [0],
): Promise<Watched> {
  const begin = performance.now();
  const child = launchProgram([PROGRAM, ...words], { signal, check: false, timeoutMs: LONGEST_RUN_MS });
  const seen = { peakMiB: 0, descendantMiB: 0, cpuMs: 0 };
  const timer = setInterval(() => {
    seen.peakMiB = Math.max(seen.peakMiB, highWaterMiB(child.pid));
    seen.cpuMs = Math.max(seen.cpuMs, cpuMs(child.pid));
    seen.descendantMiB = Math.max(seen.descendantMiB, ...descendants(child.pid).map(highWaterMiB));
  }, LOOK_MS);
  const { code, stderr } = await child.ended.finally(() => clearInterval(timer));
  if (!codes.includes(code ?? -1))
    throw new LabError(`'${words.join(" ")}' ended with ${code ?? "a signal"}: ${stderr.trim().slice(-500)}`);
  return { ms: performance.now() - begin, ...seen };
}

export async function inScratch(action: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-bench-"));
  try {
    await action(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** "" when the process has ended. */
function procFile(pid: number | undefined, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}

const highWaterMiB = (pid: number | undefined) =>
  Number(/^VmHWM:\s+(\d+)/m.exec(procFile(pid, "status"))?.[1] ?? 0) / 1024;

/** utime, stime, cutime and cstime: fields 14 to 17, of which a name in brackets is the second. */
function cpuMs(pid: number | undefined): number {
  const fields = procFile(pid, "stat").split(") ").at(-1)?.split(" ").slice(11, 15) ?? [];
  return TICK_MS * fields.reduce((sum, ticks) => sum + Number(ticks), 0);
}

/** Of a process, theirs too. */
export function descendants(pid: number | undefined): number[] {
  const children = threadsOf(pid).flatMap((thread) => procFile(pid, `task/${thread}/children`).split(" "));
  return children.flatMap((word) => (word.trim() === "" ? [] : [Number(word), ...descendants(Number(word))]));
}

function threadsOf(pid: number | undefined): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}
