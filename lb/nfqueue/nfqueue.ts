// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import {
  type DefinedBackend,
  defineBackend,
  definedOptions,
  type Host,
  linkOn,
  otherVip,
  presetBackend,
  type Router,
  type RouterSide,
  type Topology,
  UsageError,
  vipPrefix,
} from "../../harness/api/index.ts";
import { conntrackCounters, leave, leavesDead, setTimeouts } from "../linux/conntrack.ts";
import { clampByIptables, mssClamp } from "../linux/mss-clamp.ts";
import { memoryPart, timeouts } from "../linux/options.ts";
import { conntrackMax, limitTable, ownKernel, roomOf, tableFull } from "../linux/room.ts";
import { flatCounters, type Stats, tableChoice, tableOptions, tableSizes } from "../linux/table.ts";
import { prepareFragments, setOwners } from "./fragments.ts";
import { lbOptions } from "./lb-options.ts";
import { requirements } from "./needs.ts";
import { countBalanced, flushMarks, installRules, type SynOnly } from "./rules.ts";

/** fwmark and routing table of target i are MARK + i + 1: above 255, where the kernel keeps tables of its own. */
const MARK = 1000;
export const fwmarkOf = (index: number) => MARK + index + 1;
const SHM = "nfqueue-lb";

const options = z.strictObject({
  ...tableOptions(16_777_213),
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
  timeouts,
  conntrackMax,
  mssClamp,
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
});
type Options = z.infer<typeof options>;

/** Maglev in user space: mangle PREROUTING queues what goes to the VIP, the verdict sets a fwmark, and that chooses a routing table. */
export const nfqueue = nfqueueWith([]);

/** With more words for the command line of `nfqueue-lb run`. */
export function nfqueueWith(more: readonly string[]): DefinedBackend<typeof options> {
  return defineBackend({
    name: "nfqueue",
    summary: "Maglev (or modulo) in user space by NFQUEUE; stateless; fwmark chooses the route to the target",
    handles: ["fragments", "icmp_errors"],
    service: "a flow (nfqueue-lb run --flows)",
    servesVips: () => true,
    options,
    aliases: { mode: "scheduler" },

    /** xcluster_LB_OPTIONS="-p -m modulo": without -p only addresses are hashed, as there. xcluster_SYN_ONLY, xcluster_FRAG=yes: as they say. */
    environment({
      xcluster_LB_OPTIONS: words,
      xcluster_SYN_ONLY: synOnly,
      xcluster_FRAG: frag,
    }): Record<string, string> {
      return {
        ...(words ? lbOptions(words) : {}),
        ...(synOnly ? { synOnly } : {}),
        ...(frag ? { fragments: frag } : {}),
      };
    },

    requires: (given) => ({ ...requirements(given), ...ownKernel(given) }),
    room: (given) => roomOf(given),
    tracks: ({ synOnly }) => synOnly,
    leavesDead,
    withoutTargets: () => "silence",
    clampMtu: ({ mssClamp: mtu }) => mtu ?? null,

    oracle(given, targets) {
      const choice = tableChoice(given, targets);
      if (!given.synOnly) return choice;
      const marks = given.udp ? (["tcp", "udp"] as const) : (["tcp"] as const);
      const memory = memoryPart(given.timeouts, true, { protocols: marks });
      return { strategy: "stateful", flush: given.leave === "flush", assign: choice, marks, ...memory };
    },

    effectiveOptions({ synOnly, udp, oneWay, leave, failOpen, receiveBuffer, perCpu, timeouts, ...rest }, targets) {
      const { conntrackMax: most, mssClamp: mtu, ...given } = rest;
      if (most !== undefined && !synOnly)
        throw new UsageError("conntrackMax limits conntrack, which nfqueue uses with synOnly=true only.");
      return {
        ...given,
        ...definedOptions({ conntrackMax: most, mssClamp: mtu }),
        ...(perCpu ? { perCpu } : {}),
        ...(receiveBuffer === undefined ? {} : { receiveBuffer }),
        ...tableSizes(given, targets),
        ...(failOpen ? { failOpen } : {}),
        ...(synOnly ? { synOnly, udp, leave, timeouts, ...(oneWay === undefined ? {} : { oneWay }) } : {}),
      };
    },

    router: (router, given) => sideOf(router, given, more),
  });
}

function sideOf(router: Router, given: Options, more: readonly string[]): RouterSide {
  const { host, lab, topology } = router;
  const program = lab.program("nfqueue-lb");
  return {
    install: (active) => install(router, given, active, more),
    async change(next) {
      const publishedT = await setActive(host, program, next);
      if (!given.synOnly || given.leave !== "flush") return publishedT;
      const gone = topology.targets.flatMap((_, index) => (next.includes(index) ? [] : [fwmarkOf(index)]));
      await flushMarks(host, gone);
      return lab.clock.now();
    },
    ...(given.fragments ? { setRouters: (next: readonly number[]) => setOwners(host, program, next) } : {}),
    async counters() {
      const [{ stdout }, balanced, conntrack, full] = await Promise.all([
        host.exec([program, "stats", "--shm", SHM]),
        countBalanced(host),
        given.synOnly ? conntrackCounters(host) : {},
        tableFull(router.lab, host, given),
      ]);
      // `queues` repeats, queue by queue, what the totals hold.
      const { t: _, queues: __, ...stats } = JSON.parse(stdout) as Stats;
      const flat = flatCounters(stats, DROPS);
      const { packets: queued = 0, "drop.nfqueue_queue_dropped": dropped = 0 } = flat;
      // The kernel does not count those: what came to the queue's rule, and neither through it nor to its end.
      const failedOpen = given.failOpen && !given.synOnly ? { failed_open: balanced - queued - dropped } : {};
      return { ...flat, balanced, queued, ...failedOpen, ...conntrack, ...full };
    },
    end: async () => void (await host.exec([program, "delete", "--shm", SHM])),
  };
}

/** Order matters: table, routes and program first, the queue rule last, so that no packet meets a queue that nobody reads. */
async function install(
  router: Router,
  given: Options,
  active: readonly number[],
  more: readonly string[],
): Promise<void> {
  const { host, lab, topology, services } = router;
  const program = lab.program("nfqueue-lb");
  const { M, N } = tableSizes(given, topology.targets.length);
  const table = ["-m", given.scheduler, "--M", `${M}`, "--N", `${N}`, "--seed", `${given.hashSeed}`];
  await host.exec([program, "init", "--shm", SHM, ...table, ...(given.ports ? ["-p"] : [])]);
  await setActive(host, program, active);
  if (services > 0)
    await host.exec([program, "flow-set", "--shm", SHM, "--batch", "--replace"], { input: flowsAmong(services) });
  await host.exec(["ip", "-batch", "-"], { input: routes(topology, 4) });
  await host.exec(["ip", "-6", "-batch", "-"], { input: routes(topology, 6) });
  const fragments = given.fragments ? await prepareFragments(lab, router.machine, given) : { words: [], rules: "" };
  const queues = given.perCpu ? Number((await host.exec(["nproc", "--all"])).stdout) : given.queues;
  const synOnly = synOnlyOf(topology, given);
  const words = [...queueWords(given, queues), ...fragments.words, ...(services > 0 ? ["--flows"] : []), ...more];
  await router
    .start([program, "run", "--shm", SHM, ...words, ...(synOnly?.oneWay ? ["--remember"] : [])])
    .ready("ready");
  const balance = `--queue-balance 0:${queues - 1}${given.perCpu ? " --queue-cpu-fanout" : ""}`;
  const queue = queues === 1 ? "--queue-num 0" : balance;
  await clampByIptables(host, given.mssClamp);
  await installRules(host, () => [`-j NFQUEUE ${queue}`], synOnly, fragments.rules);
  if (synOnly) {
    await setTimeouts(host, given.timeouts);
    await limitTable(router.lab, given);
  }
}

function queueWords(given: Options, queues: number): string[] {
  const { batch, qlength, perCpu, failOpen, receiveBuffer } = given;
  return [
    "--queue",
    queues === 1 ? "0" : `0:${queues - 1}`,
    "--batch",
    `${batch}`,
    "--qlength",
    `${qlength}`,
    ...(perCpu ? ["--per-cpu"] : []),
    ...(failOpen ? ["--fail-open"] : []),
    ...(receiveBuffer === undefined ? [] : ["--receive-buffer", `${receiveBuffer}`]),
  ];
}

/** A flow for the VIP behind as many others, each with addresses of its own: all lead to the same table. */
function flowsAmong(services: number): string {
  const flow = (name: string, vips: readonly string[]) => `--name ${name} --targets ${SHM} --dsts ${vips.join(",")}\n`;
  const others = Array.from({ length: services }, (_, i) => i + 1);
  return [
    ...others.map((i) => flow(`other${i}`, [otherVip(i, 4), otherVip(i, 6)])),
    flow("vip", [vipPrefix(4), vipPrefix(6)]),
  ].join("");
}

function synOnlyOf(topology: Topology, { synOnly, udp, oneWay }: Options): SynOnly | null {
  return synOnly ? { udp, oneWay: oneWay ?? topology.routers.length > 1 } : null;
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

/** nfqueue that asks user space about the first packets of a connection only. */
export const synOnly = presetBackend(nfqueue, {
  name: "syn_only",
  summary: "Maglev in user space for the SYN only; conntrack's mark carries the rest of the connection",
  // Conntrack would reassemble fragments, and errors about packets of theirs are not what its mark is for.
  handles: [],
  fixed: { synOnly: true },
});
