// How much a guest carries: an emulated one is many times slower than this machine, and how many depends on both.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { planTopology } from "../../topology/topology.ts";
import { measureCapacity } from "../../traffic/capacity.ts";
import type { Capacity } from "../runtime.ts";
import { cacheDir } from "./cache.ts";
import { type Parts, vmUp } from "./up.ts";

const CONNECTIONS = 400;

/** Measured once for each kernel and QEMU, in a lab of its own. Throws LabError when that lab cannot be had. */
export async function calibrated(parts: Parts, note: (text: string) => void, signal: AbortSignal): Promise<Capacity> {
  const file = path.join(cacheDir(), "capacity", `${parts.kernel.key}-qemu-${parts.qemu.version}.json`);
  const known = await readFile(file, "utf8").catch(() => null);
  if (known !== null) return JSON.parse(known) as Capacity;
  note("measuring once what this guest carries");
  const capacity = await measure(parts, note, signal);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(capacity)}\n`);
  return capacity;
}

async function measure(parts: Parts, note: (text: string) => void, signal: AbortSignal): Promise<Capacity> {
  const lab = await vmUp(parts, planTopology({ targets: 1, routers: 1 }), signal, note);
  try {
    return await measureCapacity(lab, CONNECTIONS);
  } finally {
    await lab[Symbol.asyncDispose]();
  }
}
