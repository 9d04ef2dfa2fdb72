// SPDX-License-Identifier: Apache-2.0
import { type ProgramOptions, runProgram } from "../../host/program.ts";

/** Runs a program of this machine to its end and gives its output. Throws LabError with what it said; rejects when aborted. */
export async function command(
  argv: readonly string[],
  options: Pick<ProgramOptions, "signal" | "cwd" | "timeoutMs"> = {},
): Promise<Buffer> {
  const env = { LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };
  return (await runProgram(argv, { timeoutMs: 300_000, ...options, env })).bytes;
}
