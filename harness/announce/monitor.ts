// SPDX-License-Identifier: Apache-2.0
// Looks at what a machine uses whenever ip(8) tells of a change, and dates it by ip's words: this program may be late.
import type { Host, Process } from "../runtime/runtime.ts";
import { lineReader } from "../traffic/lines.ts";
import type { Views } from "./views.ts";

const SIGTERM = 15;

/** `read` says which routers the machine uses by now; null: families differ, as in the middle of a change. */
export async function watchMachine(
  host: Host,
  views: Views,
  what: "route" | "neigh",
  read: () => Promise<ReadonlySet<number> | null>,
): Promise<() => Promise<void>> {
  let changedT: number | null = host.clock.now();
  let reading = false;
  const look = async () => {
    if (reading) return;
    reading = true;
    for (let t = changedT; t !== null; t = changedT) {
      changedT = null;
      const routers = await read().catch(() => null);
      if (routers) views.set(host.name, routers, t);
    }
    reading = false;
  };
  const process: Process = host.spawn(["ip", "-ts", "monitor", what], {
    onStdout: lineReader((line) => {
      changedT = timeIn(line, host.clock.now());
      void look();
    }),
  });
  // It ends with the lab, or when it is told to.
  process.exited.catch(() => {});
  await look();
  return async () => {
    process.signal(SIGTERM);
    await process.exited.catch(() => {});
  };
}

/** "[2026-11-29T23:40:00.123456] ...", local time, as monotonic ns; without one it is now. */
export function timeIn(line: string, nowT: number): number {
  const [, second, micros] = /^\[(\S+)\.(\d{6})\]/.exec(line) ?? [];
  if (second === undefined || micros === undefined) return nowT;
  const agoMs = performance.timeOrigin + performance.now() - (new Date(second).getTime() + Number(micros) / 1000);
  return nowT - Math.round(Math.max(0, agoMs) * 1e6);
}
