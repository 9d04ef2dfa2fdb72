// SPDX-License-Identifier: Apache-2.0
// Whether others keep this machine so busy that a lab in its own time would be late.
import { availableParallelism, loadavg } from "node:os";
import { readCpuTime } from "./cpu-time.ts";

/** Of the time since it was started, given by this machine's host to others. */
const MOST_STOLEN = 0.02;

export interface Noise {
  /** Programs that ran or wanted to, on average of the last minute and of five. */
  load: readonly [number, number];
  cpus: number;
  /** Share of its time; null: not told. */
  stolen: number | null;
}

export function readNoise(): Noise {
  const [one = 0, five = 0] = loadavg();
  const time = readCpuTime();
  const all = time && time.user + time.system + time.interrupts + time.stolen + time.idle;
  return { load: [one, five], cpus: availableParallelism(), stolen: time && all ? time.stolen / all : null };
}

/** One sentence for each thing that makes it noisy, and what to do; none: it is quiet. */
export function noiseSentences({ load: [one, five], cpus, stolen }: Noise): string[] {
  const found = [
    ...(Math.min(one, five) > cpus ? [`The load is ${five.toFixed(1)}, with ${cpus} CPUs`] : []),
    ...(stolen !== null && stolen > MOST_STOLEN
      ? [`Its host gave ${(stolen * 100).toFixed(0)} % of this machine's time to others`]
      : []),
  ];
  return found.map(
    (what) => `${what}: a run in this machine's time may be late. '--runtime vm --time virtual' is never late.`,
  );
}
