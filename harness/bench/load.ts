// SPDX-License-Identifier: Apache-2.0
// One measured load: a client of the traffic program, run to its end, with its samples and the machine's CPU time meanwhile.
import { type CpuTime, cpuTimeOf, readCpuTime } from "../host/cpu-time.ts";
import type { Sample } from "../record/schema.ts";
import { type Lab, LabError } from "../runtime/runtime.ts";
import { type ClientLine, clientWords, startClient } from "../traffic/client.ts";
import { nowNs } from "../util/clock.ts";
import type { Testbed } from "./testbed.ts";

/** Beyond the measurement itself: connections are made, and closed. */
const GRACE_MS = 20_000;

export interface Load {
  mode: "connect" | "stream";
  port: number;
  /** As in "--connections 50 --closed-loop". */
  words: string;
  /** Whether a sample says that it may end now. */
  enough?: (sample: Sample) => Promise<boolean>;
}

export interface Measured {
  t0: number;
  /** From the start to the last sample. */
  seconds: number;
  samples: Sample[];
  last: Sample;
  /** Of the machine, or of all nodes, from before the client to behind it; null where /proc does not tell. */
  cpu: CpuSpent | null;
}

/** CPU time, microseconds. */
interface CpuSpent {
  user: number;
  system: number;
  softirq: number;
  /** All time that was not idle. Unlike its parts, which are what was found at each tick, the kernel measures it. */
  busy: number;
}

/** Runs one client on the tester to its end, or until there is `enough`. Throws LabError when it fails or loses connections. */
export async function measureLoad(bed: Testbed, { mode, port, words, enough }: Load): Promise<Measured> {
  const samples: Sample[] = [];
  const before = await readMachines(bed.lab);
  const argv = [...loadArgv(bed, mode, port), ...words.split(" ")];
  const client = startClient(bed.lab, argv, { name: `'${mode}'` }, (line) => {
    if (!isSample(line)) return;
    samples.push(line);
    enough?.(line).then((yes) => yes && client.stop(), client.stop);
  });
  const overdue = setTimeout(client.stop, bed.seconds * 1000 + GRACE_MS);
  await client.done.finally(() => clearTimeout(overdue));
  const cpu = spent(before, await readMachines(bed.lab));
  const last = samples.at(-1);
  if (!last) throw new LabError(`The traffic generator '${mode}' reported no sample.`);
  const gone = Object.values(last.lost).reduce((sum, n) => sum + n, last.failedConnects);
  if (gone > 0) throw new LabError(`${gone} connections failed during '${mode}': no figure is taken from that.`);
  const t0 = await client.started;
  return { t0, seconds: (last.t - t0) / 1e9, samples, last, cpu };
}

/** The words of a bench's client, whose lines are to be read. */
export function loadArgv({ lab, family, seed }: Testbed, mode: "connect" | "stream", port: number): string[] {
  return [...clientWords(lab, mode, { family, port, seed }), "--output", "ndjson"];
}

export function isSample(line: ClientLine): line is ClientLine & Sample {
  return line.event === "sample";
}

type Machines = { t: number; time: CpuTime } | null;

/** This one, or all that the lab is spread over. */
async function readMachines({ nodes }: Lab): Promise<Machines> {
  const time = nodes ? (await nodes.read("/proc/stat")).map(cpuTimeOf).reduce(sum) : readCpuTime();
  return time && { t: nowNs(), time };
}

const sum = (one: CpuTime, other: CpuTime): CpuTime => ({
  user: one.user + other.user,
  system: one.system + other.system,
  interrupts: one.interrupts + other.interrupts,
  stolen: one.stolen + other.stolen,
  idle: one.idle + other.idle,
  cpus: one.cpus + other.cpus,
});

function spent(before: Machines, after: Machines): CpuSpent | null {
  if (!before || !after) return null;
  const by = (kind: keyof CpuTime) => after.time[kind] - before.time[kind];
  const allUs = (after.time.cpus * (after.t - before.t)) / 1000;
  return {
    user: by("user"),
    system: by("system"),
    softirq: by("interrupts"),
    busy: allUs - by("idle") - by("stolen"),
  };
}
