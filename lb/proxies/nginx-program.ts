// SPDX-License-Identifier: Apache-2.0
// nginx' program and its stream module, and what the lab tells it whatever its configuration is.
import path from "node:path";
import { type Asked, type FoundProgram, fileExists, findProgram, type Program, said } from "../../harness/api/index.ts";

const PACKAGES = "nginx libnginx-mod-stream";
export const PROGRAM: Program = { name: "nginx", from: { packages: PACKAGES, version: ["-v"] } };

export const OWN = ["daemon off;", "user root root;", "pid /run/nginx.pid;", "error_log stderr notice;"] as const;

export async function missingModule({ isHere }: Asked): Promise<string[]> {
  const program = isHere ? await findProgram(PROGRAM.name) : null;
  if (!program) return [];
  const module = await streamModule(program, await said([program.path, "-V"], program.env));
  const usable = module === "" || (module !== null && (await fileExists(module)));
  return usable ? [] : [`This nginx has no stream module, or is older than 1.19.5. Run 'apt-get install ${PACKAGES}'.`];
}

/** The path of the module that has to be loaded, "" when it is built in; null: there is none. */
export async function streamModule(program: FoundProgram, words: string): Promise<string | null> {
  const [major = 0, minor = 0, patch = 0] =
    words
      .match(/nginx\/(\d+)\.(\d+)\.(\d+)/)
      ?.slice(1)
      .map(Number) ?? [];
  if (major * 1e6 + minor * 1e3 + patch < 1_019_005) return null;
  if (/--with-stream(\s|$)/.test(words)) return "";
  if (!/--with-stream=dynamic/.test(words)) return null;
  const dir = words.match(/--modules-path=(\S+)/)?.[1] ?? "modules";
  const file = path.join(program.root, dir, "ngx_stream_module.so");
  return program.root !== "" || path.isAbsolute(dir) ? file : null;
}
