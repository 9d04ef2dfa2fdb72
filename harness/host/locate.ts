// SPDX-License-Identifier: Apache-2.0
// Where programs are that no package manager has put into the PATH: ours, and those that ./setup --test has unpacked, as their packages
// would start services on the host.
import { access, constants, readdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { findTool } from "./tools.ts";

/** Our own programs, compiled. */
export const buildDir = fileURLToPath(new URL("../../build/", import.meta.url));
const UNPACKED = path.join(buildDir, "proxies");

export interface FoundProgram {
  path: string;
  env: Readonly<Record<string, string>>;
  /** Where it was unpacked; "" when it is installed. */
  root: string;
}

/** What the system calls it by itself, wherever that is. */
export const installed = (name: string): FoundProgram => ({ path: name, env: {}, root: "" });

/** On this machine. null: neither installed nor unpacked. */
export async function findProgram(name: string): Promise<FoundProgram | null> {
  if ((await findTool(name, name)) === null) return installed(name);
  const file = path.join(UNPACKED, "usr/sbin", name);
  if (!(await exists(file))) return null;
  const dirs = await Promise.all(
    ["lib", "usr/lib"].map(async (lib) => {
      const names = await readdir(path.join(UNPACKED, lib)).catch(() => []);
      return names.filter((dir) => dir.includes("-linux-")).map((dir) => path.join(UNPACKED, lib, dir));
    }),
  );
  return { path: file, env: { LD_LIBRARY_PATH: dirs.flat().join(":") }, root: UNPACKED };
}

export const isBuilt = (name: string) => exists(path.join(buildDir, name), constants.X_OK);

export const exists = (file: string, mode: number = constants.F_OK) =>
  access(file, mode).then(
    () => true,
    () => false,
  );
