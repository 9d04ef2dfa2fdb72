// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";

/** USER_HZ is 100 on all of Linux' own architectures: the unit of every time in /proc, in microseconds. */
export const TICK_US = 1e4;

/** CPU time of the machine since it was started, microseconds. */
export interface CpuTime {
  /** "nice" programs' too. */
  user: number;
  /** In the kernel, interrupts left out. */
  system: number;
  /** Interrupts of both kinds: in the soft ones the kernel forwards packets. */
  interrupts: number;
  /** Time that a host of this virtual machine gave to others. */
  stolen: number;
  idle: number;
  cpus: number;
}

/** Of this machine; null where /proc does not tell. */
export function readCpuTime(): CpuTime | null {
  try {
    return cpuTimeOf(readFileSync("/proc/stat", "utf8"));
  } catch {
    return null;
  }
}

/** What /proc/stat of a machine says. */
export function cpuTimeOf(stat: string): CpuTime {
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = (
    stat.match(/^cpu +(.*)$/m)?.[1] ?? ""
  )
    .split(" ")
    .map((ticks) => Number(ticks) * TICK_US);
  const cpus = stat.match(/^cpu\d/gm)?.length ?? 1;
  return { user: user + nice, system, interrupts: irq + softirq, stolen: steal, idle: idle + iowait, cpus };
}
