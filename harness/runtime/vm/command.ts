// SPDX-License-Identifier: Apache-2.0
import { execFile } from "node:child_process";
import { systemPath } from "../../host/tools.ts";
import { LabError } from "../runtime.ts";

/** Runs a program of this machine to its end and gives its output. Throws LabError with what it said; rejects when aborted. */
export function command(
  argv: readonly string[],
  options: { signal?: AbortSignal | undefined; cwd?: string; timeoutMs?: number } = {},
): Promise<Buffer> {
  const [file = "", ...args] = argv;
  return new Promise((resolve, reject) => {
    execFile(
      file,
      args,
      {
        encoding: "buffer",
        maxBuffer: 1 << 29,
        timeout: options.timeoutMs ?? 300_000,
        ...(options.signal ? { signal: options.signal } : {}),
        ...(options.cwd ? { cwd: options.cwd } : {}),
        env: {
          ...process.env,
          PATH: `${systemPath()}:/usr/sbin:/sbin`,
          LC_ALL: "C",
          DEBIAN_FRONTEND: "noninteractive",
        },
      },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout);
        if (options.signal?.aborted) return reject(options.signal.reason);
        const said = stderr.toString().trim().split("\n").slice(-3).join(" ") || error.message;
        reject(new LabError(`'${argv.slice(0, 2).join(" ")}' failed: ${said.slice(-600)}`, { cause: error }));
      },
    );
  });
}
