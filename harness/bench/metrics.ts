// SPDX-License-Identifier: Apache-2.0
// What is measured of one deployed backend. Everything is counted where it arrives.
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { Histogram } from "../analysis/histogram.ts";
import type { Balancer } from "../api/backend.ts";
import type { Sample } from "../record/schema.ts";
import { type Lab, LabError } from "../runtime/runtime.ts";
import { SOURCES, VIP } from "../topology/topology.ts";
import { lineReader } from "../traffic/lines.ts";
import { nowNs } from "../util/clock.ts";
import { highestRate } from "./flood.ts";

/** One backend, deployed in one lab. */
export interface Testbed {
  lab: Lab;
  balancer: Balancer;
  family: 4 | 6;
  /** Of the traffic: the same for all backends of a round. */
  seed: number;
  /** Length of one measurement, seconds. */
  seconds: number;
  /** How long the installation took, with all of its services. */
  deployMs: number;
  /** Gets the times to connect at a fixed load. */
  latency: Histogram;
}

export interface Metric {
  name: string;
  unit: string;
  /** Whether more is better. */
  more: boolean;
  summary: string;
  /** Plain forwarding has nothing like it: there is no ratio. */
  absolute?: true;
  /** Not measured: what the CPU of this one (1/s for each busy core) is above that of a lab without a router. */
  beyondDirect?: string;
}

const CONNECT_PORT = 5001;
const STREAM_PORT = 5003;
const UDP_PORT = 6003;
/** New connections per second of the latency measurement: a fixed load that two small cores carry through any balancer here. */
const LATENCY_RATE = 2000;
/** Datagrams per second of the CPU measurement. */
const CPU_RATE = 20_000;
const MOST_LOSS = 0.001;
const SCALE_EVENTS = 6;
const HELD = 5000;
/** Held connections must not be those that a measurement opens. */
const HOLD_SEED = 1_000_000;
const SIGTERM = 15;
/** As many as one process may hold where the hard limit of open files is 20,000. */
export const HELD_BY_ONE = 15_000;

export interface Probe {
  metrics: readonly Metric[];
  /** Needs a lab that nothing was measured in: what others left behind would count. */
  alone?: true;
  /** Values by the metric's name; what cannot be had is left out. Throws LabError when the traffic fails. */
  measure(bed: Testbed): Promise<Record<string, number>>;
}

const metric = (name: string, unit: string, more: boolean, summary: string): Metric => ({ name, unit, more, summary });

const absolute = (...words: Parameters<typeof metric>): Metric => ({ ...metric(...words), absolute: true });

/** In the order in which they are measured. */
export const PROBES: readonly Probe[] = [
  {
    metrics: [
      metric(
        "connections",
        "1/s",
        true,
        "TCP connections, one after another from 64 at a time: connect, one answer, close",
      ),
    ],
    async measure(bed) {
      const seen = await generate(bed, [
        "connect",
        "--connections",
        `${Math.round(bed.seconds * 8000)}`,
        ...to(bed, CONNECT_PORT),
      ]);
      return { connections: last(seen).received / seen.seconds };
    },
  },
  {
    metrics: [
      metric("connect_p50", "ms", false, `time to connect and be answered, at ${LATENCY_RATE} connections per second`),
      metric("connect_p99", "ms", false, `99th percentile of the same`),
      metric("connect_p999", "ms", false, `99.9th percentile of the same`),
      metric(
        "connect_cpu",
        "µs",
        false,
        "CPU of the whole lab for one of these connections, from the first packet to the last",
      ),
    ],
    async measure(bed) {
      const count = Math.round(bed.seconds * LATENCY_RATE);
      const seen = await generate(bed, [
        "connect",
        "--connections",
        `${count}`,
        "--rate",
        `${LATENCY_RATE}`,
        ...to(bed, CONNECT_PORT),
      ]);
      const own = new Histogram();
      for (const { hist } of seen.samples) {
        own.add(hist);
        bed.latency.add(hist);
      }
      const found = own.percentilesMs();
      const cpu = seen.cpu ? { connect_cpu: seen.cpu.busy / last(seen).received } : {};
      return { ...cpu, ...(found ? { connect_p50: found.p50, connect_p99: found.p99, connect_p999: found.p999 } : {}) };
    },
  },
  {
    metrics: [
      metric(
        "requests",
        "1/s",
        true,
        "requests of 128 bytes, echoed, over 50 kept TCP connections, each waiting for its echo",
      ),
      metric("requests_core", "1/s", true, "the same for each busy core of the whole lab: tester, router and targets"),
      {
        ...absolute(
          "router_cpu",
          "µs",
          false,
          "CPU of a request beyond that in a lab without a router: the router's, with all that it runs",
        ),
        beyondDirect: "requests_core",
      },
    ],
    async measure(bed) {
      const { perSecond, perCore } = await closedLoop(bed, 50, 128);
      return { requests: perSecond, ...(perCore === null ? {} : { requests_core: perCore }) };
    },
  },
  ...[1, 8].map(
    (streams): Probe => ({
      metrics: [
        metric(
          `bulk_${streams}`,
          "Gbit/s",
          true,
          `${streams} TCP stream${streams > 1 ? "s" : ""} of 64,000-byte messages, echoed: what passes the router`,
        ),
      ],
      async measure(bed) {
        const { perSecond } = await closedLoop(bed, streams, 64_000);
        return { [`bulk_${streams}`]: (perSecond * 64_000 * 8) / 1e9 };
      },
    }),
  ),
  ...[64, 512, 1400].map(
    (size): Probe => ({
      metrics: [
        metric(`udp_${size}`, "1/s", true, `datagrams of ${size} bytes, the highest rate with at most 0.1 % lost`),
      ],
      async measure({ lab, family }) {
        return { [`udp_${size}`]: await highestRate(lab, family, size, MOST_LOSS) };
      },
    }),
  ),
  {
    metrics: [
      metric(
        "cpu_user",
        "µs",
        false,
        `CPU of the whole lab in user space for a datagram and its echo, ${CPU_RATE} a second over 500 flows`,
      ),
      metric("cpu_system", "µs", false, "the same in the kernel, interrupts left out"),
      metric("cpu_softirq", "µs", false, "the same in interrupts, where the kernel forwards"),
    ],
    async measure(bed) {
      const seen = await generate(bed, [
        ...words(`stream --udp --connections 500 --rate ${CPU_RATE} --size 80 --ramp 200ms --duration ${bed.seconds}s`),
        ...to(bed, UDP_PORT),
      ]);
      const { received, sent } = last(seen);
      const { cpu } = seen;
      if (!cpu || received < sent * 0.99) return {};
      return { cpu_user: cpu.user / received, cpu_system: cpu.system / received, cpu_softirq: cpu.softirq / received };
    },
  },
  {
    metrics: [absolute("deploy", "ms", false, "time to install it, with all of its services")],
    measure: async ({ deployMs }) => ({ deploy: deployMs }),
  },
  {
    metrics: [
      absolute(
        "scale_event",
        "ms",
        false,
        "from asking for another set of targets until it is in force on all routers",
      ),
    ],
    async measure({ lab, balancer }) {
      const all = lab.topology.targets.map((_, i) => i);
      const times: number[] = [];
      for (let i = 0; i < SCALE_EVENTS; i++) {
        const begin = nowNs();
        times.push(((await balancer.setTargets(i % 2 === 0 ? all.slice(1) : all)) - begin) / 1e6);
      }
      return { scale_event: median(times) };
    },
  },
  {
    alone: true,
    metrics: [
      absolute(
        "memory",
        "B",
        false,
        `state of a kept TCP connection on the router: conntrack's entries and the balancer's own memory, over ${HELD}`,
      ),
    ],
    async measure(bed) {
      const router = bed.lab.topology.routers[0]?.name ?? "";
      const before = await routerBytes(bed.lab, router);
      if (before === null) return {};
      let after: number | null = null;
      await generate(
        bed,
        ["connect", "--keep", "--connections", `${HELD}`, ...to(bed, CONNECT_PORT)],
        async (sample) => {
          if (sample.established < HELD) return false;
          after ??= await routerBytes(bed.lab, router);
          return true;
        },
      );
      return after === null ? {} : { memory: Math.max(0, after - before) / HELD };
    },
  },
];

const words = (text: string) => text.split(" ");
const to = ({ family, seed }: Testbed, port: number) =>
  words(
    `--address ${family === 4 ? VIP[4] : `[${VIP[6]}]`}:${port} --src ${SOURCES[family]} --seed ${seed} --output ndjson`,
  );

/** Keeps so many connections open until the lab goes. `check` throws LabError when some of them are not there any more. */
export async function hold(bed: Testbed, connections: number): Promise<{ check(): void }> {
  const { lab, seed } = bed;
  const parts = Math.ceil(connections / HELD_BY_ONE);
  const alive = new Map<number, number>();
  let said = "";
  const kept = () => [...alive.values()].reduce((sum, n) => sum + n, 0);
  const check = () => {
    if (kept() < connections)
      throw new LabError(`${connections - kept()} of ${connections} connections were not held. ${said.trim()}`);
  };
  const deadline = nowNs() + (20 + connections / 2000) * 1e9;
  const target = to({ ...bed, seed: seed + HOLD_SEED }, CONNECT_PORT);
  let ended = false;
  for (let part = 0; part < parts; part++) {
    const argv = words(`connect --keep --timeout 20s --connections ${connections} --part ${part + 1}/${parts}`);
    const child = lab.host(lab.topology.tester.name).spawn([lab.program("traffic"), ...argv, ...target], {
      onStdout: lineReader((line) => {
        const { event, alive: now } = JSON.parse(line) as { event: string; alive?: number };
        if (event === "sample") alive.set(part, now ?? 0);
      }),
      onStderr: (chunk) => {
        said = (said + chunk.toString()).slice(-1000);
      },
    });
    const end = () => {
      alive.delete(part);
      ended = true;
    };
    child.exited.then(end, end);
  }
  while (kept() < connections && !ended && nowNs() < deadline) await delay(50);
  check();
  return { check };
}

async function closedLoop(
  bed: Testbed,
  connections: number,
  size: number,
): Promise<{ perSecond: number; perCore: number | null }> {
  const load = `stream --closed-loop --connections ${connections} --size ${size} --ramp 100ms --sample 100ms --duration ${bed.seconds}s`;
  const seen = await generate(bed, [...words(load), ...to(bed, STREAM_PORT)]);
  // What is in the ramp does not count.
  const warm = seen.samples.findIndex(({ t }) => t > seen.t0 + 3e8);
  const [from, until] = [seen.samples[Math.max(0, warm)], last(seen)];
  if (!from || until.t <= from.t) throw new LabError(`No echo came over ${connections} connections.`);
  return {
    perSecond: ((until.received - from.received) / (until.t - from.t)) * 1e9,
    perCore: seen.cpu && (until.received / seen.cpu.busy) * 1e6,
  };
}

interface Seen {
  t0: number;
  /** From the start to the last sample. */
  seconds: number;
  samples: Sample[];
  /** Of the machine, from before the generator to behind it; null where /proc does not tell. */
  cpu: Cpu | null;
}

/** CPU time, microseconds. */
interface Cpu {
  user: number;
  system: number;
  softirq: number;
  /** All time that was not idle. Unlike its parts, which are what was found at each tick, the kernel measures it. */
  busy: number;
}

const last = ({ samples }: Pick<Seen, "samples">): Sample => {
  const sample = samples.at(-1);
  if (!sample) throw new LabError("The traffic generator reported nothing.");
  return sample;
};

/** Runs one generator on the tester to its end, or until `enough` says so of a sample. Throws LabError when it fails or loses connections. */
async function generate(
  { lab, seconds }: Testbed,
  argv: readonly string[],
  enough?: (sample: Sample) => Promise<boolean>,
): Promise<Seen> {
  const samples: Sample[] = [];
  let t0 = 0;
  let said = "";
  const host = lab.host(lab.topology.tester.name);
  const before = processorUs();
  const child = host.spawn([lab.program("traffic"), ...argv], {
    onStdout: lineReader((line) => {
      const { event, ...rest } = JSON.parse(line) as { event: string } & Sample;
      if (event === "stream_start") t0 = rest.t;
      if (event !== "sample") return;
      samples.push(rest);
      enough?.(rest).then(
        (yes) => yes && child.signal(SIGTERM),
        () => child.signal(SIGTERM),
      );
    }),
    onStderr: (chunk) => {
      said = (said + chunk.toString()).slice(-2000);
    },
  });
  const overdue = setTimeout(() => child.signal(SIGTERM), seconds * 1000 + 20_000);
  const { code } = await child.exited.finally(() => clearTimeout(overdue));
  if (code !== 0)
    throw new LabError(`The traffic generator '${argv[0]}' ended with ${code ?? "a signal"}: ${said.trim()}`);
  const { failedConnects, lost, t } = last({ samples });
  const gone = Object.values(lost).reduce((sum, n) => sum + n, failedConnects);
  if (gone > 0) throw new LabError(`${gone} connections failed during '${argv[0]}': no figure is taken from that.`);
  const after = processorUs();
  const spent = (kind: keyof Cpu) => (after && before ? after[kind] - before[kind] : 0);
  const cpu =
    after && before
      ? { user: spent("user"), system: spent("system"), softirq: spent("softirq"), busy: spent("busy") }
      : null;
  return { t0, seconds: (t - t0) / 1e9, samples, cpu };
}

/** CPU time of the machine since some moment, microseconds; null where /proc does not tell. */
function processorUs(): Cpu | null {
  try {
    const stat = readFileSync("/proc/stat", "utf8");
    const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = (
      stat.match(/^cpu +(.*)$/m)?.[1] ?? ""
    )
      .split(" ")
      .map((ticks) => Number(ticks) * 1e4);
    const allUs = ((stat.match(/^cpu\d/gm)?.length ?? 1) * nowNs()) / 1000;
    return { user: user + nice, system, softirq: irq + softirq, busy: allUs - idle - iowait - steal };
  } catch {
    return null;
  }
}

/** Bytes of a router's conntrack entries and of the processes in its network; null where the kernel does not tell (slabinfo is root's). */
async function routerBytes(lab: Lab, router: string): Promise<number | null> {
  const entry = await slabBytes("nf_conntrack");
  if (entry === null) return null;
  const script = `cat /proc/sys/net/netfilter/nf_conntrack_count 2>/dev/null || echo 0
net=$(readlink /proc/self/ns/net)
for p in /proc/[0-9]*; do
  [ "$(readlink $p/ns/net)" = "$net" ] && [ "$(cat $p/comm)" != sh ] && sed -n 's/^Pss: *\\([0-9]*\\) kB/\\1/p' $p/smaps_rollup
done 2>/dev/null; true`;
  const { stdout } = await lab.host(router).exec(["sh", "-c", script]);
  const [entries = 0, ...kib] = stdout.trim().split(/\s+/).map(Number);
  return entries * entry + kib.reduce((sum, n) => sum + n * 1024, 0);
}

async function slabBytes(name: string): Promise<number | null> {
  try {
    return Number(
      readFileSync("/proc/slabinfo", "utf8").match(new RegExp(`^${name} +\\d+ +\\d+ +(\\d+)`, "m"))?.[1] ?? 0,
    );
  } catch {
    return null;
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
}
