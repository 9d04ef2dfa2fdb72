// SPDX-License-Identifier: Apache-2.0
// Where a proxy's program is: on the machine, or unpacked by ./setup --test, as its package would start a service on the host.
import { access, readdir } from "node:fs/promises";
import path from "node:path";
import { runProgram } from "../../harness/host/program.ts";
import { findTool } from "../../harness/host/tools.ts";
import { buildDir } from "../../harness/runtime/netns.ts";

const UNPACKED = path.join(buildDir, "proxies");

export interface Program {
  path: string;
  env: Readonly<Record<string, string>>;
  /** Where it was unpacked; "" when it is installed. */
  root: string;
}

/** Machines of runtimes other than netns have file systems of their own. null: neither installed nor unpacked. */
export async function findProgram(runtime: string, name: string): Promise<Program | null> {
  const installed = { path: name, env: {}, root: "" };
  if (runtime !== "netns" || (await findTool(name, name)) === null) return installed;
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

export const notFound = (name: string, packages: string) =>
  `'${name}' is not installed. Run './setup --test', which unpacks it and starts no service, or 'apt-get install ${packages}'.`;

/** What the program says about itself. */
export async function ask(program: Program, words: readonly string[]): Promise<string> {
  const { stdout, stderr } = await runProgram([program.path, ...words], { env: program.env, timeoutMs: 5000 });
  return stdout + stderr;
}

export const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );
