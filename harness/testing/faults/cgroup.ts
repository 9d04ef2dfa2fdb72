// SPDX-License-Identifier: Apache-2.0
// A control group that limits memory, of either version of the kernel's interface.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { eventually } from "../machine.ts";

const V1 = "/sys/fs/cgroup/memory";
const V2 = "/sys/fs/cgroup";

/** Why this machine has none; null: it can be made. */
export async function cgroupMissing(): Promise<string | null> {
  if (process.geteuid?.() !== 0) return "A control group needs root.";
  if (existsSync(`${V1}/memory.limit_in_bytes`)) return null;
  const controllers = existsSync(`${V2}/cgroup.subtree_control`) ? readFileSync(`${V2}/cgroup.subtree_control`) : "";
  return controllers.includes("memory") ? null : "This machine has no control groups for memory.";
}

export interface MemoryGroup {
  /** Words that start a program in it, and become it. */
  through: string[];
  usedBytes(): number;
  /** Beyond it the kernel kills. */
  limit(bytes: number): void;
  remove(): Promise<void>;
}

/** To be called when `cgroupMissing` gives null. */
export function memoryGroup(): MemoryGroup {
  const isV1 = existsSync(`${V1}/memory.limit_in_bytes`);
  const dir = path.join(isV1 ? V1 : V2, `load-balancer-test-${process.pid}`);
  const [limit, usage] = isV1 ? ["memory.limit_in_bytes", "memory.usage_in_bytes"] : ["memory.max", "memory.current"];
  mkdirSync(dir);
  return {
    through: ["sh", "-c", `echo $$ >'${dir}/cgroup.procs' && exec "$@"`, "sh"],
    usedBytes: () => Number(readFileSync(path.join(dir, usage), "utf8")),
    limit: (bytes) => writeFileSync(path.join(dir, limit), `${bytes}`),
    async remove() {
      const removed = await eventually(() => {
        try {
          rmdirSync(dir);
          return true;
        } catch {
          return false; // Its last process is still ending.
        }
      }, 10_000);
      if (!removed) throw new Error(`'${dir}' has processes and cannot be removed.`);
    },
  };
}
