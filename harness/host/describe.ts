// SPDX-License-Identifier: Apache-2.0
import os, { release } from "node:os";
import type { RunInfo } from "../record/schema.ts";
import { runProgram } from "./program.ts";
import { gitRevision } from "./revision.ts";

/**
 * What a run's record says about its surroundings; nothing in it identifies a user. The versions of what takes part come from its lab.
 * `variables`: those of the environment that options come from.
 */
export async function describeHost(
  variables: Readonly<Record<string, string>> = {},
): Promise<Pick<RunInfo, "gitRevision" | "host" | "tools"> & { environment: Record<string, string> }> {
  return {
    gitRevision: await gitRevision(),
    host: {
      hostname: os.hostname(),
      kernel: release(),
      cpus: os.availableParallelism(),
      cpuModel: os.cpus()[0]?.model ?? "unknown",
      memoryMiB: Math.round(os.totalmem() / 2 ** 20),
    },
    tools: { node: process.version },
    environment: { ...variables },
  };
}

/** Opens a file in the default browser. false: there is no display, or nothing to open it with. */
export async function openInBrowser(file: string): Promise<boolean> {
  if (!process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return false;
  return runProgram(["xdg-open", file], { timeoutMs: 5000 }).then(
    () => true,
    () => false,
  );
}
