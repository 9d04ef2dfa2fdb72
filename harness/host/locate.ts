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
  // FRR's daemons are in a folder of their own, of the system too.
  const own = ["", UNPACKED].map((root) => ({ root, file: path.join(root || "/", "usr/lib/frr", name) }));
  const unpacked = { root: UNPACKED, file: path.join(UNPACKED, "usr/sbin", name) };
  let found = null;
  for (const one of [unpacked, ...own]) if (await exists(one.file)) found ??= one;
  if (!found) return null;
  if (found.root === "") return installed(found.file);
  const dirs = await Promise.all(
    ["lib", "usr/lib"].map(async (lib) => {
      const names = await readdir(path.join(UNPACKED, lib)).catch(() => []);
      const triples = names.filter((dir) => dir.includes("-linux-")).map((dir) => path.join(UNPACKED, lib, dir));
      return triples.flatMap((dir) => [dir, path.join(dir, "frr")]);
    }),
  );
  return { path: found.file, env: { LD_LIBRARY_PATH: dirs.flat().join(":") }, root: UNPACKED };
}

export const isBuilt = (name: string) => exists(path.join(buildDir, name), constants.X_OK);

export const exists = (file: string, mode: number = constants.F_OK) =>
  access(file, mode).then(
    () => true,
    () => false,
  );
