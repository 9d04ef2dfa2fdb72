// SPDX-License-Identifier: Apache-2.0
// Whose something is that outlives its process: written by the owner, judged by others.
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { z } from "zod";
import { processStart } from "./processes.ts";

/** Enough to tell a process from all others: one in another pid namespace, or on another host, cannot be judged from here. */
const schema = z.object({
  host: z.string(),
  boot: z.string(),
  pidNamespace: z.string(),
  pid: z.int().positive(),
  /** Clock ticks after boot: pids are used again. */
  started: z.string(),
});
type Owner = z.infer<typeof schema>;

/** Of this process. */
export function ownerText(): string {
  return JSON.stringify({ ...here(), pid: process.pid, started: processStart(process.pid) });
}

/** False also for a text that is none of ours, or that somebody wrote by hand: it says nothing about an owner. */
export function isDead(text: string): boolean {
  const owner = parseOwner(text);
  const place = here();
  if (owner?.host !== place.host) return false;
  if (owner.boot !== place.boot) return true;
  return owner.pidNamespace === place.pidNamespace && processStart(owner.pid) !== owner.started;
}

function parseOwner(text: string): Owner | null {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

function here(): Pick<Owner, "host" | "boot" | "pidNamespace"> {
  return {
    host: hostname(),
    boot: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    pidNamespace: readlinkSync("/proc/self/ns/pid"),
  };
}
