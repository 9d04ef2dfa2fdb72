// SPDX-License-Identifier: Apache-2.0
import {
  type DefinedBackend,
  defineBackend,
  definedOptions,
  type FlowRule,
  type Host,
  type Lifecycle,
  linkOn,
  type Machine,
  type Protocol,
  presetBackend,
  type Router,
  type RouterSide,
  secondVip,
  type Topology,
  UsageError,
} from "../../harness/api/index.ts";
import { conntrackCounters, leavesDead, setTimeouts } from "../linux/conntrack.ts";
import { bothLive } from "../linux/direct.ts";
import { clampByIptables } from "../linux/mss-clamp.ts";
import { memoryPart, weightOf } from "../linux/options.ts";
import { limitTable, ownKernel, roomOf, tableFull } from "../linux/room.ts";
import { endsAs, HANDS_OVER, Running } from "../linux/running.ts";
import { flatCounters, reweighs, type Stats, Totals, tableChoice, tableSizes, weightWord } from "../linux/table.ts";
import { prepareFragments, setOwners } from "./fragments.ts";
import { lbOptions } from "./lb-options.ts";
import { requirements } from "./needs.ts";
import { type Options, options } from "./options.ts";
import { REJECT_MARK, rejectMarked, rejects } from "./reject.ts";
import { countBalanced, flushMarks, installRules, type SynOnly } from "./rules.ts";
import { flowsAmong, Services, tableWords } from "./services.ts";

/** fwmark and routing table of target i are MARK + i + 1: above 255, where the kernel keeps tables of its own. */
const MARK = 1000;
export const fwmarkOf = (index: number) => MARK + index + 1;
const SHM = "nfqueue-lb";

/** Maglev in user space: mangle PREROUTING queues what goes to the VIP, the verdict sets a fwmark, and that chooses a routing table. */
export const nfqueue = nfqueueWith([]);

/** With more words for the command line of `nfqueue-lb run`. */
export function nfqueueWith(more: readonly string[]): DefinedBackend<typeof options> {
  return defineBackend({
    name: "nfqueue",
    summary: "Maglev (or modulo) in user space by NFQUEUE; stateless; fwmark chooses the route to the target",
    handles: ["fragments", "icmp_errors", "paths"],
    protocols: ["tcp", "udp", "sctp"],
    service: "a flow (nfqueue-lb run --flows)",
    servesVips: () => true,
    servesFlows: ({ synOnly, weights }) => !synOnly && weights === undefined,
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
    reweighs,
    direct: () => bothLive,
    withoutTargets: rejects,
    lifecycle: { actions: ["reload", "upgrade"], of: lifecycleOf },
    clampMtu: ({ mssClamp: mtu }) => mtu ?? null,

    oracle(given, targets, protocol) {
      const portsOnly = protocol === "sctp" && given.sctpHash === "ports";
      const choice = { ...tableChoice(given, targets), ...(portsOnly ? { sctp: "ports" as const } : {}) };
      if (!given.synOnly) return choice;
      const marks = given.udp ? (["tcp", "udp"] as const) : (["tcp"] as const);
      const memory = memoryPart(given.timeouts, true, { protocols: marks });
      return { strategy: "stateful", flush: given.leave === "flush", assign: choice, marks, ...memory };
    },

    effectiveOptions({ synOnly, udp, oneWay, leave, failOpen, receiveBuffer, perCpu, timeouts, ...rest }, targets) {
      const { conntrackMax: most, mssClamp: mtu, noTargets, sctpHash, weights, ...given } = rest;
      if (most !== undefined && !synOnly)
        throw new UsageError("conntrackMax limits conntrack, which nfqueue uses with synOnly=true only.");
      if (synOnly && noTargets !== "drop")
        throw new UsageError("With synOnly=true conntrack would remember the refusal: it takes noTargets=drop only.");
      return {
        ...given,
        ...definedOptions({ conntrackMax: most, mssClamp: mtu, weights }),
        ...(perCpu ? { perCpu } : {}),
        ...(sctpHash === "ports" ? {} : { sctpHash }),
        ...(noTargets === "drop" ? {} : { noTargets }),
        ...(receiveBuffer === undefined ? {} : { receiveBuffer }),
        ...tableSizes(rest, targets),
        ...(failOpen ? { failOpen } : {}),
        ...(synOnly ? { synOnly, udp, leave, timeouts, ...(oneWay === undefined ? {} : { oneWay }) } : {}),
      };
    },

    router: (router, given) => sideOf(router, given, more),
  });
}

function lifecycleOf({ synOnly, udp }: Options, protocol: Protocol): Lifecycle {
  const remembered = synOnly && (udp || protocol === "tcp");
  return {
    keeps: `its table in shared memory${remembered ? ", and marks of connections in conntrack" : ""}`,
    ...endsAs({ open: remembered ? "served" : "silence", fresh: "silence" }),
    ...HANDS_OVER,
  };
}

function sideOf(router: Router, given: Options, more: readonly string[]): RouterSide {
  const { host, lab, topology } = router;
  const program = lab.program("nfqueue-lb");
  let argv: readonly string[] = [];
  const running = new Running<void>(async (_, ...words) => {
    const daemon = router.start([...argv, ...words]);
    await daemon.ready("ready");
    return daemon;
  });
  const totals = new Totals(() => statsOf(host, program));
  let { weights } = given;
  const flows = topology.flows
    ? new Services(router, tableWords(given, topology.targets.length), SHM, setActive)
    : null;
  return {
    async install(active) {
      await install({ ...router, flows }, given, active, (words) => {
        argv = [...words, ...more];
        return running.begin();
      });
    },
    control: {
      ...running.control,
      start: () => totals.keep().then(() => running.control.start()),
      reload: () => running.replace(undefined, "--take-over"),
      upgrade: () => running.replace(undefined, "--take-over", "--batch", `${Math.ceil(given.batch / 2)}`),
    },
    async change(next) {
      const publishedT = await (flows?.activate(next) ?? setActive(host, program, next, { weights }));
      if (!given.synOnly || given.leave !== "flush") return publishedT;
      const gone = topology.targets.flatMap((_, index) => (next.includes(index) ? [] : [fwmarkOf(index)]));
      await flushMarks(host, gone);
      return undefined;
    },
    weigh(next, active) {
      weights = [...next];
      return setActive(host, program, active, { weights });
    },
    ...(flows ? { reflow: (rules: readonly FlowRule[], active: readonly number[]) => flows.set(rules, active) } : {}),
    ...(given.fragments ? { setRouters: (next: readonly number[]) => setOwners(host, program, next) } : {}),
    async counters() {
      const [flat, { balanced, led }, conntrack, full] = await Promise.all([
        totals.read(),
        countBalanced(host),
        given.synOnly ? conntrackCounters(host) : {},
        tableFull(router.lab, host, given),
      ]);
      const { packets: queued = 0, "drop.nfqueue_queue_dropped": dropped = 0 } = flat;
      const { "drop.nfqueue_user_dropped": unread = 0 } = flat;
      // The kernel drops what comes to a queue that nobody reads, and does not count it.
      const unheard = running.again ? { "drop.nfqueue_no_listener": Math.max(0, led - queued - dropped - unread) } : {};
      // The kernel does not count those: what came to the queue's rule, and neither through it nor to its end.
      const failedOpen = given.failOpen && !given.synOnly ? { failed_open: balanced - queued - dropped } : {};
      // Those that have no route are counted by the kernel.
      if (given.noTargets === "unreachable") delete flat["drop.nfqueue_no_target"];
      return { ...flat, balanced, queued, ...unheard, ...failedOpen, ...conntrack, ...full };
    },
    async end() {
      await flows?.end();
      await host.exec([program, "delete", "--shm", SHM]);
    },
  };
}

/** `queues` repeats, queue by queue, what the totals hold. */
async function statsOf(host: Host, program: string): Promise<Record<string, number>> {
  const { stdout } = await host.exec([program, "stats", "--shm", SHM]);
  const { t: _, queues: __, ...stats } = JSON.parse(stdout) as Stats;
  return flatCounters(stats, DROPS);
}

/**
 * Order matters: table, routes and program (`run`) first, the queue rule last, so that no packet meets a queue that nobody reads.
 */
async function install(
  router: Router & { flows: Services | null },
  given: Options,
  active: readonly number[],
  run: (argv: readonly string[]) => Promise<void>,
): Promise<void> {
  const { host, lab, topology, services } = router;
  await rejectMarked(router, given);
  const program = lab.program("nfqueue-lb");
  await host.exec([program, "init", "--shm", SHM, ...tableWords(given, topology.targets.length)]);
  await setActive(host, program, active, given);
  await router.flows?.set(topology.flows ?? [], active);
  if (services > 0)
    await host.exec([program, "flow-set", "--shm", SHM, "--batch", "--replace"], { input: flowsAmong(services, SHM) });
  await host.exec(["ip", "-batch", "-"], { input: routes(topology, 4) });
  await host.exec(["ip", "-6", "-batch", "-"], { input: routes(topology, 6) });
  const fragments = given.fragments ? await prepareFragments(lab, router.machine, given) : { words: [], rules: "" };
  const queues = given.perCpu ? Number((await host.exec(["nproc", "--all"])).stdout) : given.queues;
  const synOnly = synOnlyOf(topology, given);
  const words = [
    ...queueWords(given, queues),
    ...fragments.words,
    ...(services > 0 || router.flows ? ["--flows"] : []),
  ];
  await run([program, "run", "--shm", SHM, ...words, ...(synOnly?.oneWay ? ["--remember"] : [])]);
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
  const { batch, qlength, perCpu, failOpen, noTargets, receiveBuffer } = given;
  return [
    "--queue",
    queues === 1 ? "0" : `0:${queues - 1}`,
    "--batch",
    `${batch}`,
    "--qlength",
    `${qlength}`,
    ...(perCpu ? ["--per-cpu"] : []),
    ...(failOpen ? ["--fail-open"] : []),
    ...(noTargets === "drop" ? [] : ["--notargets-fwmark", `${REJECT_MARK}`]),
    ...(receiveBuffer === undefined ? [] : ["--receive-buffer", `${receiveBuffer}`]),
  ];
}

function synOnlyOf(topology: Topology, { synOnly, udp, oneWay }: Options): SynOnly | null {
  return synOnly ? { udp, oneWay: oneWay ?? topology.routers.length > 1 } : null;
}

async function setActive(
  host: Host,
  program: string,
  active: readonly number[],
  { weights, shm = SHM }: { weights?: readonly number[] | undefined; shm?: string },
): Promise<number> {
  const pair = (index: number) => `${index}:${fwmarkOf(index)}${weightWord(weightOf(weights, index))}`;
  const pairs = active.map(pair).join(",");
  const { stdout } = await host.exec([program, "set", "--shm", shm, "--active", pairs]);
  return (JSON.parse(stdout) as { publishedT: number }).publishedT;
}

const secondWay = (target: Machine, family: 4 | 6) => {
  const { ipv4, ipv6 } = linkOn(target, "net4");
  return `${secondVip(family)} via ${family === 4 ? ipv4 : ipv6}`;
};

export function routes(topology: Topology, family: 4 | 6): string {
  return topology.targets
    .map((target, index) => {
      const mark = fwmarkOf(index);
      const link = linkOn(target, "net1");
      const via = family === 4 ? `0.0.0.0/0 via ${link.ipv4}` : `::/0 via ${link.ipv6}`;
      const second = topology.paths ? `route add ${secondWay(target, family)} table ${mark}\n` : "";
      return `rule add pref 100 fwmark ${mark} table ${mark}\nroute add ${via} table ${mark}\n${second}`;
    })
    .join("");
}

const DROPS = new Map(
  [
    "no_target",
    "no_flow",
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
  handles: ["reject", "restart", "reload", "upgrade", "weights"],
  fixed: { synOnly: true },
});
