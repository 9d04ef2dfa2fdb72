// SPDX-License-Identifier: Apache-2.0
// Questions to the kernel that the routers will have: on this machine, or in a router of a lab that is up.

import path from "node:path";
import { buildDir } from "../host/locate.ts";
import { runProgram, TookTooLong } from "../host/program.ts";
import type { Host, Place } from "../runtime/runtime.ts";

/** A thing that the kernel must have and how to try it: a program that is run in a network namespace of its own, with this input. */
export interface KernelProbe {
  what: string;
  argv: readonly string[];
  input: string;
  remedy: string;
}

/** Runs a program in a network namespace of its own. Root needs no user namespace for it, and in a chroot gets none. */
export const OWN_NETWORK: readonly string[] = [
  "unshare",
  ...(process.geteuid?.() === 0 ? [] : ["--user", "--map-root-user"]),
  "--net",
];

/** One sentence for each thing that the kernel does not have. `router` null: this machine's kernel is asked. */
export async function askKernel(probes: readonly KernelProbe[], router: Host | null): Promise<string[]> {
  const answers = await Promise.all(
    probes.map(async ({ what, argv, input, remedy }) => {
      const answer = router
        ? await router.exec(["unshare", "--net", ...argv], { input, check: false })
        : await triedOnce([...OWN_NETWORK, ...argv], input);
      if (answer === null) return [tooBusy(what)];
      const words = answer.stderr.trim().split("\n")[0] ?? "";
      return answer.code === 0 ? [] : [`This kernel has no ${what}${words ? ` (${words})` : ""}. ${remedy}`];
    }),
  );
  return answers.flat();
}

interface Answer {
  code: number | null;
  stderr: string;
}

const answers = new Map<string, Promise<Answer | null>>();

/** Backends and their variants ask the same, and a kernel's answer stands; that it gave none does not. */
async function triedOnce(argv: readonly string[], input: string): Promise<Answer | null> {
  const question = JSON.stringify([argv, input, process.env.PATH]);
  const asked = answers.get(question) ?? tried(argv, input);
  answers.set(question, asked);
  const answer = await asked;
  if (answer === null) answers.delete(question);
  return answer;
}

/** A probe takes milliseconds; a machine that others keep busy gets a second chance. */
const PATIENCE_MS = [5000, 60_000] as const;

/** The namespaces end with the program: nothing stays. null: it did not end, and the kernel has not answered. */
export async function tried(
  argv: readonly string[],
  input: string,
  patienceMs: readonly number[] = PATIENCE_MS,
): Promise<Answer | null> {
  for (const timeoutMs of patienceMs)
    try {
      return await runProgram(argv, { input, timeoutMs, check: false });
    } catch (error) {
      if (!(error instanceof TookTooLong)) return { code: null, stderr: (error as Error).message };
    }
  return null;
}

const tooBusy = (what: string) =>
  `The kernel was not asked for ${what}: the probe timed out after ${PATIENCE_MS.map((ms) => `${ms / 1000} s`).join(" and again after ")}, so this machine is too busy. Try again.`;

/** Where a program of ours can be run to find something out. */
export interface Asked {
  /** Whether that is this machine itself. */
  isHere: boolean;
  /** One of our own programs, with the full rights that there are. */
  run: (program: string, words: readonly string[]) => Promise<{ code: number | null; stdout: string; stderr: string }>;
}

/** null: nobody can be asked there. */
export function askable({ traits, router }: Place): Asked | null {
  if (router)
    return {
      isHere: false,
      run: (program, words) => router.exec([router.program(program), ...words], { check: false }),
    };
  if (!traits.toolsAreHosts) return null;
  return {
    isHere: true,
    run: (program, words) => runProgram([path.join(buildDir, program), ...words], { timeoutMs: 60_000, check: false }),
  };
}
