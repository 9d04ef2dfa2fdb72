// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";

/** When a process began, in clock ticks after boot; null when there is none, or it only waits to be reaped. */
export function processStart(pid: number): string | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[0] === "Z" ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}
