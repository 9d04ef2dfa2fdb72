// SPDX-License-Identifier: Apache-2.0
import { access, constants } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import type { Backend, Balancer } from "../../harness/api/backend.ts";
import type { OracleSpec, TableSpec } from "../../harness/oracle/oracle.ts";
import { buildDir } from "../../harness/runtime/netns.ts";
import type { Host, Lab, Process } from "../../harness/runtime/runtime.ts";
import { linkOn, type Machine, otherVip, type Topology, VIP } from "../../harness/topology/topology.ts";
import { startProgram } from "../../harness/traffic/start-program.ts";
import { nowNs } from "../../harness/util/clock.ts";
import { conntrackCounters, leave } from "../linux/conntrack.ts";
import { flatCounters, type Stats, tableSizes } from "../linux/table.ts";
import { prepareFragments, setOwners, TUN_DEVICE } from "./fragments.ts";
import { lbOptions } from "./lb-options.ts";
import { missingForQueue } from "./needs.ts";
import { countBalanced, flushMarks, installRules, type SynOnly } from "./rules.ts";

/** fwmark and routing table of target i are MARK + i + 1: above 255, where the kernel keeps tables of its own. */
const MARK = 1000;
export const fwmarkOf = (index: number) => MARK + index + 1;
const SHM = "nfqueue-lb";
const SIGTERM = 15;

const options = z.strictObject({
  mode: z.enum(["maglev", "modulo"]).default("maglev").describe("how a hash becomes a target"),
  ports: z.stringbool().default(true).describe("hash ports and protocol too, not only addresses"),
  M: z.coerce
    .number()
    .int()
    .min(2)
    .max(16_777_213)
    .optional()
    .describe("Maglev table size, a prime (997 up to 32 targets, else 65537)"),
  N: z.coerce.number().int().min(1).max(1000).optional().describe("targets the table has room for (at least 32)"),
  hashSeed: z.coerce
    .number()
    .int()
    .min(0)
    .max(0xffffffff)
    .default(0)
    .describe("seed of the flow hash and of the table"),
  queues: z.coerce.number().int().min(1).max(16).default(1).describe("NFQUEUEs, with a thread each"),
  perCpu: z
    .stringbool()
    .default(false)
    .describe("a queue for each CPU, whatever `queues` says, whose thread stays there"),
  batch: z.coerce.number().int().min(1).max(256).default(64).describe("packets per receive and verdict call"),
  qlength: z.coerce.number().int().min(1).max(1_000_000).default(16_384).describe("packets that may wait in a queue"),
  receiveBuffer: z.coerce
    .number()
    .int()
    .min(4608)
    .max(2 ** 31 - 1)
    .optional()
    .describe("bytes of kernel memory for packets on their way to user space (default: so many that qlength fits)"),
  failOpen: z.stringbool().default(false).describe("packets that find the queue full pass where routes lead them"),
  synOnly: z
    .stringbool()
    .default(false)
    .describe("only the first packets of a TCP connection are asked about; conntrack's mark carries the rest"),
  udp: z.stringbool().default(false).describe("with synOnly: UDP flows are remembered too"),
  oneWay: z
    .stringbool()
    .optional()
    .describe("with synOnly: the router does not see the replies (default: only with several routers)"),
  leave,
  fragments: z
    .stringbool()
    .default(false)
    .describe("keep the fragments of a datagram together, at the target of its flow"),
  fragmentTtl: z.coerce
    .number()
    .int()
    .min(1)
    .max(60_000)
    .default(500)
    .describe("milliseconds that a datagram's fragments may be apart"),
  fragmentBytes: z.coerce
    .number()
    .int()
    .min(2 ** 17)
    .max(2 ** 30)
    .default(2 ** 24)
    .describe("bytes of fragments that wait for their first one, at most"),
  broken: z.enum(["random"]).optional().describe("misbehave on purpose: to prove that the lab catches it"),
});
type Options = z.infer<typeof options>;

/** Maglev in user space: mangle PREROUTING queues what goes to the VIP, the verdict sets a fwmark, and that chooses a routing table. */
export const nfqueue: Backend<typeof options> = {
  name: "nfqueue",
  summary: "Maglev (or modulo) in user space by NFQUEUE; stateless; fwmark chooses the route to the target",
  keepsState: false,
  tracks: ({ synOnly }) => synOnly,
  handles: ["fragments", "icmp_errors"],
  service: "a flow (nfqueue-lb run --flows)",
  options,

  /** xcluster_LB_OPTIONS="-p -m modulo": without -p only addresses are hashed, as there. xcluster_SYN_ONLY, xcluster_FRAG=yes: as they say. */
  environment({ xcluster_LB_OPTIONS: words, xcluster_SYN_ONLY: synOnly, xcluster_FRAG: frag }): Record<string, string> {
    return {
      ...(words ? lbOptions(words) : {}),
      ...(synOnly ? { synOnly } : {}),
      ...(frag ? { fragments: frag } : {}),
    };
  },

  async missing(runtime, given) {
    const missing = await missingForQueue(runtime, given ?? {});
    const isBuilt = await access(path.join(buildDir, "nfqueue-lb"), constants.X_OK).then(
      () => true,
      () => false,
    );
    return isBuilt || runtime.name !== "netns" ? missing : [...missing, "The balancer is not built. Run './setup'."];
  },

  devices: (given) => (given.fragments ? [TUN_DEVICE] : []),

  oracle(given, targets): OracleSpec {
    const { M } = tableSizes(given, targets);
    const common = { seed: given.hashSeed, ports: given.ports };
    const choice: TableSpec =
      given.mode === "modulo" ? { strategy: "modulo", ...common } : { strategy: "maglev", m: M, ...common };
    if (!given.synOnly) return choice;
    const marks = given.udp ? (["tcp", "udp"] as const) : (["tcp"] as const);
    return { strategy: "stateful", flush: given.leave === "flush", assign: choice, marks };
  },

  effectiveOptions({ broken, synOnly, udp, oneWay, leave, failOpen, receiveBuffer, perCpu, ...given }, targets) {
    return {
      ...given,
      ...(perCpu ? { perCpu } : {}),
      ...(receiveBuffer === undefined ? {} : { receiveBuffer }),
      ...tableSizes(given, targets),
      ...(failOpen ? { failOpen } : {}),
      ...(synOnly ? { synOnly, udp, leave, ...(oneWay === undefined ? {} : { oneWay }) } : {}),
      ...(broken ? { broken } : {}),
    };
  },

  async deploy(lab, given, active, services = 0) {
    const routers = lab.topology.routers.map((router) => ({ name: router.name, host: lab.host(router.name) }));
    const program = lab.program("nfqueue-lb");
    let onFault: (sentence: string) => void = () => {};
    let stopping = false;
    const processes = await Promise.all(
      lab.topology.routers.map((router) =>
        deployRouter(lab, router, given, active, services, (sentence) => {
          if (!stopping) onFault(sentence);
        }),
      ),
    );
    return {
      set onFault(report: (sentence: string) => void) {
        onFault = report;
      },
      async setTargets(next, only) {
        const chosen = routers.filter(({ name }) => only?.has(name) ?? true);
        const published = await Promise.all(chosen.map(({ host }) => setActive(host, program, next)));
        if (!given.synOnly || given.leave === "drain") return Math.max(...published);
        const gone = lab.topology.targets.flatMap((_, index) => (next.includes(index) ? [] : [fwmarkOf(index)]));
        await Promise.all(chosen.map(({ host }) => flushMarks(host, gone)));
        return nowNs();
      },
      async setRouters(next) {
        if (given.fragments) await Promise.all(routers.map(({ host }) => setOwners(host, program, next)));
      },
      async counters(name) {
        const router = routers.find((r) => r.name === name);
        if (!router) return {};
        const [{ stdout }, balanced, conntrack] = await Promise.all([
          router.host.exec([program, "stats", "--shm", SHM]),
          countBalanced(router.host),
          given.synOnly ? conntrackCounters(router.host) : {},
        ]);
        // `queues` repeats, queue by queue, what the totals hold.
        const { t: _, queues: __, ...stats } = JSON.parse(stdout) as Stats;
        const flat = flatCounters(stats, DROPS);
        const { packets: queued = 0, "drop.nfqueue_queue_dropped": dropped = 0 } = flat;
        // The kernel does not count those: what came to the queue's rule, and neither through it nor to its end.
        const failedOpen = given.failOpen && !given.synOnly ? { failed_open: balanced - queued - dropped } : {};
        return { ...flat, balanced, queued, ...failedOpen, ...conntrack };
      },
      async [Symbol.asyncDispose]() {
        stopping = true;
        for (const process of processes) process.signal(SIGTERM);
        await Promise.all(processes.map((process) => process.exited));
        await Promise.all(routers.map((router) => router.host.exec([program, "delete", "--shm", SHM])));
      },
    } as Balancer;
  },
};

/** Order matters: table, routes and program first, the queue rule last, so that no packet meets a queue that nobody reads. */
async function deployRouter(
  lab: Lab,
  router: Machine,
  given: Options,
  active: readonly number[],
  services: number,
  onFault: (sentence: string) => void,
): Promise<Process> {
  const host = lab.host(router.name);
  const program = lab.program("nfqueue-lb");
  const { M, N } = tableSizes(given, lab.topology.targets.length);
  const init = [
    program,
    "init",
    "--shm",
    SHM,
    "-m",
    given.mode,
    "--M",
    `${M}`,
    "--N",
    `${N}`,
    "--seed",
    `${given.hashSeed}`,
  ];
  await host.exec(given.ports ? [...init, "-p"] : init);
  await setActive(host, program, active);
  if (services > 0)
    await host.exec([program, "flow-set", "--shm", SHM, "--batch", "--replace"], { input: flowsAmong(services) });
  await host.exec(["ip", "-batch", "-"], { input: routes(lab.topology, 4) });
  await host.exec(["ip", "-6", "-batch", "-"], { input: routes(lab.topology, 6) });
  const fragments = given.fragments ? await prepareFragments(lab, router, given) : { words: [], rules: "" };
  const queues = given.perCpu ? Number((await host.exec(["nproc", "--all"])).stdout) : given.queues;
  const last = queues - 1;
  const run = [
    program,
    "run",
    "--shm",
    SHM,
    "--queue",
    last === 0 ? "0" : `0:${last}`,
    "--batch",
    `${given.batch}`,
    "--qlength",
    `${given.qlength}`,
    ...fragments.words,
  ];
  const process = await startProgram(
    host,
    [
      ...run,
      ...(given.perCpu ? ["--per-cpu"] : []),
      ...(given.failOpen ? ["--fail-open"] : []),
      ...(services > 0 ? ["--flows"] : []),
      ...(given.receiveBuffer === undefined ? [] : ["--receive-buffer", `${given.receiveBuffer}`]),
      ...(synOnlyOf(lab, given)?.oneWay ? ["--remember"] : []),
      ...(given.broken ? ["--broken", given.broken] : []),
    ],
    "ready",
    { onEnd: (how) => onFault(`The balancer on ${host.name} ${how}`) },
  );
  const balance = `--queue-balance 0:${last}${given.perCpu ? " --queue-cpu-fanout" : ""}`;
  const queue = last === 0 ? "--queue-num 0" : balance;
  await installRules(host, () => [`-j NFQUEUE ${queue}`], synOnlyOf(lab, given), fragments.rules);
  return process;
}

/** A flow for the VIP behind as many others, each with addresses of its own: all lead to the same table. */
function flowsAmong(services: number): string {
  const flow = (name: string, vips: readonly string[]) => `--name ${name} --targets ${SHM} --dsts ${vips.join(",")}\n`;
  const others = Array.from({ length: services }, (_, i) => i + 1);
  return [
    ...others.map((i) => flow(`other${i}`, [otherVip(i, 4), otherVip(i, 6)])),
    flow("vip", [VIP[4], VIP[6]]),
  ].join("");
}

function synOnlyOf(lab: Lab, { synOnly, udp, oneWay }: Options): SynOnly | null {
  return synOnly ? { udp, oneWay: oneWay ?? lab.topology.routers.length > 1 } : null;
}

async function setActive(host: Host, program: string, active: readonly number[]): Promise<number> {
  const pairs = active.map((index) => `${index}:${fwmarkOf(index)}`).join(",");
  const { stdout } = await host.exec([program, "set", "--shm", SHM, "--active", pairs]);
  return (JSON.parse(stdout) as { publishedT: number }).publishedT;
}

export function routes(topology: Topology, family: 4 | 6): string {
  return topology.targets
    .map((target, index) => {
      const mark = fwmarkOf(index);
      const link = linkOn(target, "net1");
      const via = family === 4 ? `0.0.0.0/0 via ${link.ipv4}` : `::/0 via ${link.ipv6}`;
      return `rule add pref 100 fwmark ${mark} table ${mark}\nroute add ${via} table ${mark}\n`;
    })
    .join("");
}

const DROPS = new Map(
  [
    "no_target",
    "malformed",
    "short",
    "queue_dropped",
    "user_dropped",
    "fragments_expired",
    "fragments_waiting",
    "fragments_refused",
    "fragments_malformed",
    "reinject_errors",
  ].map((name) => [name, `drop.nfqueue_${name}`]),
);

const { synOnly: _, ...synOnlyShape } = options.shape;
const synOnlyOptions = z.strictObject(synOnlyShape);

/** nfqueue that asks user space about the first packets of a connection only: the same options, with one decided. */
export const synOnly: Backend<typeof synOnlyOptions> = {
  ...nfqueue,
  name: "syn_only",
  summary: "Maglev in user space for the SYN only; conntrack's mark carries the rest of the connection",
  keepsState: true,
  tracks: () => true,
  // Conntrack would reassemble fragments, and errors about packets of theirs are not what its mark is for.
  handles: [],
  options: synOnlyOptions,
  environment({ xcluster_SYN_ONLY: _ignored, ...env }) {
    return nfqueue.environment?.(env) ?? {};
  },
  missing: (runtime, given = synOnlyOptions.parse({})) => nfqueue.missing(runtime, { ...given, synOnly: true }),
  devices: (given) => nfqueue.devices?.({ ...given, synOnly: true }) ?? [],
  deploy: (lab, given, active, services) => nfqueue.deploy(lab, { ...given, synOnly: true }, active, services),
  oracle: (given, targets, protocol) => nfqueue.oracle({ ...given, synOnly: true }, targets, protocol),
  effectiveOptions: (given, targets) => nfqueue.effectiveOptions({ ...given, synOnly: true }, targets),
};
