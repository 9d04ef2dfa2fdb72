// SPDX-License-Identifier: Apache-2.0
// Whether the machine had other things to do while it measured: a short calibration around the traffic, and windows during it.
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { murmur3 } from "../oracle/hash.ts";
import type { Event } from "../record/schema.ts";
import { nowNs } from "../util/clock.ts";
import { type CpuTime, readCpuTime, TICK_US } from "./cpu-time.ts";

const WINDOW_MS = 1000;
const LEAST_WINDOW_NS = 2e8;
const UNITS = 5;
const WARM_UP = 10;
const HASHES = 4000;

/** Nanoseconds that a fixed piece of work takes: the best of some, and their median. About 30 ms in all. */
export function calibrate(moment: "before" | "after"): Event {
  const key = new Uint8Array(40).fill(7);
  // The first units are compiled while they run, which would make "before" slower than "after".
  const times = Array.from({ length: WARM_UP + UNITS }, () => {
    const begin = nowNs();
    for (let i = 0; i < HASHES; i++) murmur3(key, i);
    return nowNs() - begin;
  })
    .slice(WARM_UP)
    .sort((a, b) => a - b);
  return { kind: "calibration", t: nowNs(), moment, bestNs: times[0] ?? 0, medianNs: times[UNITS >> 1] ?? 0 };
}

interface Reading extends CpuTime {
  t: number;
  /** CPU time of this program and its descendants, microseconds. */
  own: number;
}

/**
 * Reports a "machine" event for each second until it is stopped. What other programs took is the machine's time without this
 * program's and its descendants'; machines that are no descendants (a container engine's) make that unknowable: null.
 * `toTheEnd`: what is left of a second at the end is reported too, where it is long enough for ticks to tell.
 */
export function watchMachine(ownIsKnown: boolean, onEvent: (event: Event) => void, toTheEnd = false): () => void {
  let before = read();
  const tick = () => {
    const now = read();
    if (!before || !now) return;
    const windowNs = now.t - before.t;
    const cpus = (us: number) => Math.max(0, (us * 1000) / windowNs);
    // Interrupts, in which the kernel forwards the lab's packets, are nobody's.
    const busy = now.user + now.system - before.user - before.system;
    onEvent({
      kind: "machine",
      t: now.t,
      windowNs,
      busyCpus: cpus(busy + now.interrupts - before.interrupts),
      foreignCpus: ownIsKnown ? cpus(busy - (now.own - before.own)) : null,
      stolenCpus: cpus(now.stolen - before.stolen),
      cpus: availableParallelism(),
    });
    before = now;
  };
  const timer = setInterval(tick, WINDOW_MS);
  return () => {
    clearInterval(timer);
    if (toTheEnd && before && nowNs() - before.t > LEAST_WINDOW_NS) tick();
  };
}

/** null where /proc does not tell. */
function read(): Reading | null {
  const time = readCpuTime();
  return time && { ...time, t: nowNs(), own: ownUs() };
}

/** This process, its descendants, and those of them that have ended and were waited for. */
function ownUs(): number {
  const processes = new Map<number, { parent: number; ticks: number }>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const fields = stat
        .slice(stat.lastIndexOf(")") + 2)
        .split(" ")
        .map(Number);
      const ticks = [11, 12, 13, 14].reduce((sum, i) => sum + (fields[i] ?? 0), 0);
      processes.set(Number(name), { parent: fields[1] ?? 0, ticks });
    } catch {
      // It has ended since.
    }
  }
  const isOwn = (pid: number): boolean => {
    for (let at = pid; at > 1; at = processes.get(at)?.parent ?? 0) if (at === process.pid) return true;
    return false;
  };
  return [...processes].reduce((sum, [pid, { ticks }]) => sum + (isOwn(pid) ? ticks * TICK_US : 0), 0);
}
