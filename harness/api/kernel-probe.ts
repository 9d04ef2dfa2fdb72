// SPDX-License-Identifier: Apache-2.0
// Questions to the kernel that the routers will have: on this machine, or in a router of a lab that is up.

import path from "node:path";
import { buildDir } from "../host/locate.ts";
import { runProgram } from "../host/program.ts";
import type { Host, Place } from "../runtime/runtime.ts";

/** A thing that the kernel must have and how to try it: a program that is run in a network namespace of its own, with this input. */
export interface KernelProbe {
  what: string;
  argv: readonly string[];
  input: string;
  remedy: string;
}

/** One sentence for each thing that the kernel does not have. `router` null: this machine's kernel is asked. */
export async function askKernel(probes: readonly KernelProbe[], router: Host | null): Promise<string[]> {
  const answers = await Promise.all(
    probes.map(async ({ what, argv, input, remedy }) => {
      const { code, stderr } = router
        ? await router.exec(["unshare", "--net", ...argv], { input, check: false })
        : await tried(["unshare", "--user", "--map-root-user", "--net", ...argv], input);
      const words = stderr.trim().split("\n")[0] ?? "";
      return code === 0 ? [] : [`This kernel has no ${what}${words ? ` (${words})` : ""}. ${remedy}`];
    }),
  );
  return answers.flat();
}

/** The namespaces end with the program: nothing stays. */
async function tried(argv: readonly string[], input: string): Promise<{ code: number | null; stderr: string }> {
  return runProgram(argv, { input, timeoutMs: 5000, check: false }).catch((error: Error) => ({
    code: null,
    stderr: error.message,
  }));
}

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
    run: (program, words) => runProgram([path.join(buildDir, program), ...words], { timeoutMs: 10_000, check: false }),
  };
}
