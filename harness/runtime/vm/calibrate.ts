// SPDX-License-Identifier: Apache-2.0
// How much a guest carries: an emulated one is many times slower than this machine, and how many depends on both.
import { readFile, writeFile } from "node:fs/promises";
import { planTopology } from "../../topology/topology.ts";
import { measureCapacity } from "../../traffic/capacity.ts";
import type { Capacity } from "../runtime.ts";
import { cached, cacheError } from "./cache.ts";
import { type Origin, vmUp } from "./up.ts";

const CONNECTIONS = 400;

/** Measured once for each kernel and QEMU, in a lab of its own. Throws LabError when that lab cannot be had. */
export async function calibrated(origin: Origin, note: (text: string) => void, signal: AbortSignal): Promise<Capacity> {
  const { parts } = origin;
  let capacity: Capacity | undefined;
  try {
    const file = await cached(
      `capacity/${parts.kernel.key}-qemu-${parts.qemu.version}.json`,
      async (at) => {
        note("measuring the capacity of this guest, once");
        capacity = await measure(origin, note, signal);
        await writeFile(at, `${JSON.stringify(capacity)}\n`);
      },
      signal,
    );
    return JSON.parse(await readFile(file, "utf8")) as Capacity;
  } catch (error) {
    // What cannot be kept is measured again next time.
    if (capacity) return capacity;
    throw cacheError(error);
  }
}

async function measure(origin: Origin, note: (text: string) => void, signal: AbortSignal): Promise<Capacity> {
  await using lab = await vmUp(origin, planTopology({ targets: 1, routers: 1 }), { signal, note, logs: undefined });
  return await measureCapacity(lab, CONNECTIONS);
}
