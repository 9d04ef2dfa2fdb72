// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";

/** A folder and those above it. Not mkdir's own `recursive`: on Node 20 that never returns below /proc. */
export function makeDirs(dir: string, mode?: number): void {
  if (existsSync(dir)) return;
  const above = path.dirname(dir);
  // "." has itself above it, and is not there in a working directory that was removed.
  if (above !== dir) makeDirs(above, mode);
  try {
    mkdirSync(dir, mode);
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
