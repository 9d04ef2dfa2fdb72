// SPDX-License-Identifier: Apache-2.0
// What is fetched or made once for all runs: kernels, the guest's root, a QEMU. Whole or not there, whoever is killed when.
import { once } from "node:events";
import { readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { processStart } from "../../host/processes.ts";
import { launchProgram } from "../../host/program.ts";
import { makeDirs } from "../../util/make-dirs.ts";
import { LabError } from "../runtime.ts";

const PARTIAL = ".partial-";
/** Longer than a kernel takes over a slow line. */
const LOCK_MS = 3_600_000;

export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return path.join(env.XDG_CACHE_HOME || path.join(homedir(), ".cache"), "load-balancer");
}

/**
 * The entry's path; when it is not there, `make` fills a folder (or writes a file) at the path it gets, which then becomes the entry.
 * Processes that want the same one wait for the first of them.
 */
export async function cached(
  entry: string,
  make: (at: string) => Promise<void>,
  signal?: AbortSignal,
): Promise<string> {
  const at = path.join(cacheDir(), entry);
  if (await exists(at)) return at;
  makeDirs(path.dirname(at));
  await locked(entry, signal, async () => {
    if (await exists(at)) return;
    const partial = `${at}${PARTIAL}${process.pid}`;
    try {
      await make(partial);
      await rename(partial, at);
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  });
  return at;
}

/** Does the work while no other process does work of this name. The lock ends with this process, whatever ends it. */
export async function locked<T>(name: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  const file = path.join(cacheDir(), "locks", name.replaceAll("/", "-"));
  makeDirs(path.dirname(file));
  const hold = `echo held; exec tail --pid=${process.pid} -f /dev/null`;
  const holder = launchProgram(["flock", "--no-fork", file, "sh", "-c", hold], { signal, timeoutMs: LOCK_MS });
  await Promise.race([once(holder.stdout, "data"), holder.ended]);
  try {
    return await work();
  } finally {
    holder.kill();
    await holder.ended.catch(() => {}); // by our own signal
  }
}

/** What the file system would not do (no room, no right) as a LabError; any other error as it is. */
export function cacheError(error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof LabError || typeof code !== "string") return error;
  return new LabError(
    `Cannot fill the cache in '${cacheDir()}': ${message}. Make room there, or let XDG_CACHE_HOME name another folder.`,
    { cause: error },
  );
}

/** Removes what killed processes left half made. One sentence for each. */
export async function removePartials(): Promise<string[]> {
  const found: string[] = [];
  for (const folder of ["", "kernels", "images", "apt", "capacity"]) {
    const dir = path.join(cacheDir(), folder);
    for (const name of await readdir(dir).catch(() => [])) {
      const pid = Number(name.split(PARTIAL)[1]);
      if (!(pid > 0) || processStart(pid) !== null) continue;
      await rm(path.join(dir, name), { recursive: true, force: true });
      found.push(`Removed '${path.join(dir, name)}', an incomplete file of an ended process.`);
    }
  }
  return found;
}

/** Entries of a folder of the cache, sorted; none when there is no such folder. */
export async function entries(folder: string): Promise<string[]> {
  const names = await readdir(path.join(cacheDir(), folder)).catch(() => []);
  return names.filter((name) => !name.includes(PARTIAL)).sort();
}

function exists(file: string): Promise<boolean> {
  return readdir(path.dirname(file)).then(
    (names) => names.includes(path.basename(file)),
    () => false,
  );
}
