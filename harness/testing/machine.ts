// SPDX-License-Identifier: Apache-2.0
// What the machine looks like from outside, for tests that prove that nothing is left behind.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type ProgramOptions, runProgram } from "../host/program.ts";
import { readRecord } from "../record/read.ts";

export const root = fileURLToPath(new URL("../../", import.meta.url));
export const program = `${root}load-balancer.ts`;

export interface Outcome {
  /** null when a signal ended it. */
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs this program as a user does. Throws LabError only when it does not end: whatever it ends with is an outcome. */
export function runMain(words: readonly string[], options: ProgramOptions = {}): Promise<Outcome> {
  return outcomeOf([program, ...words], options);
}

/** The same for any program. */
export async function outcomeOf(argv: readonly string[], options: ProgramOptions = {}): Promise<Outcome> {
  const { code: status, stdout, stderr } = await runProgram(argv, { timeoutMs: 180_000, ...options, check: false });
  return { status, stdout, stderr };
}

/** An environment variable that every process of a run inherits, so that its processes are told from everybody else's. */
export function marker(name: string): { env: NodeJS.ProcessEnv; processes: () => number[] } {
  const word = `LOAD_BALANCER_TEST=${name}-${process.pid}-${process.hrtime.bigint()}`;
  const [key = "", value = ""] = word.split("=");
  return { env: { ...process.env, [key]: value }, processes: () => processesWith(word) };
}

function processesWith(word: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => read(`/proc/${pid}/environ`).split("\0").includes(word))
    .map(Number);
}

/** The words of a process; none when it has ended. */
export function wordsOf(pid: number): string[] {
  return read(`/proc/${pid}/cmdline`).split("\0");
}

/** Network namespaces of these processes. */
export function networkNamespaces(pids: readonly number[]): Set<string> {
  return new Set(pids.flatMap((pid) => link(`/proc/${pid}/ns/net`) ?? []));
}

/** What a Docker engine makes for itself, and for tests that run beside: its bridge, its builds' links, its containers' mounts. */
const ENGINES_OWN = /^docker0$|^veth[0-9a-f]{7}$|\/docker(\/|$)|\/lb-engine-/;

/** Interfaces, mounts, named namespaces and shared memory of the host. */
export function hostState(): Record<string, string[]> {
  return {
    interfaces: lines("/proc/net/dev")
      .map((line) => line.split(":")[0]?.trim() ?? "")
      .filter((name) => !ENGINES_OWN.test(name))
      .sort(),
    // A container engine at work on the same machine mounts and unmounts for itself.
    mounts: lines("/proc/self/mountinfo")
      .filter((line) => !/\/(docker|containerd)/.test(line))
      .map((line) => line.split(" ").slice(3, 5).join(" "))
      .filter((mount) => !ENGINES_OWN.test(mount))
      .sort(),
    namedNamespaces: list("/run/netns"),
    // Tables of other tests come and go.
    sharedMemory: list("/dev/shm").filter((name) => !name.startsWith("lb-test-")),
  };
}

/** TCP sockets, in any namespace, that no process has open any more: while they wait for an acknowledgement they hold their namespace. */
export function orphanedSockets(): number {
  return Number(read("/proc/net/sockstat").match(/^TCP: .*\borphan (\d+)/m)?.[1]);
}

/** Waits for a condition; false when it is not met in time. */
export async function eventually(condition: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean> {
  for (const end = performance.now() + timeoutMs; performance.now() < end; ) {
    if (await condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return condition();
}

const read = (file: string) => {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
};
const link = (file: string) => {
  try {
    return readlinkSync(file);
  } catch {
    return null;
  }
};
const lines = (file: string) => read(file).split("\n");
const list = (dir: string) => {
  try {
    return readdirSync(dir).sort();
  } catch {
    return [];
  }
};

/** Of every connection that was there from the start: its 5-tuple, who answered, and how it ended. */
export function outcomes(dir: string): string[] {
  return [...readRecord(dir).connections]
    .filter((c) => c.generation === 0)
    .map((c) => [c.stream, c.id, c.srcOffset, c.sport, c.target, c.cause].join(" "))
    .sort();
}
