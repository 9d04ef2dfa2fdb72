// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import {
  addressBytes,
  addressOf,
  defineBackend,
  FAMILIES,
  type Host,
  type IpFamily,
  type Router,
  type RouterSide,
  SOURCES,
  setSysctls,
  TOOLS,
  type Topology,
  VIP,
} from "../../harness/api/index.ts";
import { leave, leavesDead } from "../linux/conntrack.ts";
import { allTaken } from "../linux/direct.ts";
import { sendSegments } from "../linux/one-segment.ts";
import { CHECKED_PORT, serversListen } from "../linux/servers-listen.ts";
import { flatCounters, type Stats } from "../linux/table.ts";
import { QUEUE } from "../nfqueue/needs.ts";

const options = z.strictObject({
  scheduler: z
    .enum(["rr", "weighted"])
    .default("rr")
    .describe("who gets a new client: in turn, or who has the fewest clients"),
  queues: z.coerce.number().int().min(1).max(16).default(1).describe("NFQUEUEs, with a thread each"),
  batch: z.coerce.number().int().min(1).max(256).default(64).describe("packets per receive and verdict call"),
  qlength: z.coerce.number().int().min(1).max(1_000_000).default(16_384).describe("packets that may wait in a queue"),
  idle: z.coerce
    .number()
    .int()
    .min(1)
    .max(86_400)
    .default(600)
    .describe("seconds for which a client stays with its target after its last packet"),
  leave,
  fragments: z.stringbool().default(false).describe("fragments go to their client's target; else they are dropped"),
  exempt: z
    .string()
    .regex(/^\d+(,\d+)*$/, "ports, as in '22,179'")
    .transform((text) => text.split(",").map(Number))
    .refine((ports) => ports.every((port) => port >= 1 && port <= 65_535), "ports are 1 to 65535")
    .optional()
    .describe("ports of the VIP that are left alone, '22,179' (none)"),
  cycle: z.coerce.number().int().min(20).max(60_000).default(1000).describe("milliseconds from check to check"),
  alive: z.coerce
    .number()
    .int()
    .min(1)
    .max(60_000)
    .default(1000)
    .describe("milliseconds that a target has to accept a connection"),
  fall: z.coerce.number().int().min(1).max(100).default(2).describe("failed checks in a row until a target is dead"),
  hotplug: z.stringbool().default(false).describe("targets that nobody configured come in when they answer"),
});
type Options = z.infer<typeof options>;

/** A balancer in user space that rewrites addresses both ways; it knows its clients, and finds its targets by itself. */
export const loaded = defineBackend({
  name: "loaded",
  summary: "address rewriting in user space by NFQUEUE; a source stays with its target; finds dead and new targets",
  handles: ["icmp_errors", "health_checks", "hotplug"],
  protocols: ["tcp", "udp", "sctp"],
  options,
  affinityOption: "idle",
  requires: () => ({
    programs: [{ name: "loaded-lb", from: "ours" }],
    tools: [TOOLS.iptables, TOOLS.ip6tables],
    modules: ["nfnetlink_queue"],
    kernel: QUEUE,
  }),
  tracks: () => false,
  leavesDead,
  direct: () => allTaken,
  withoutTargets: () => "silence",
  oracle: ({ leave: mode, idle, scheduler }) => ({
    strategy: "stateful",
    flush: mode === "flush",
    affinityS: idle,
    assign: null,
    // A client that a router does not know is new there, and replies need no memory at all.
    midstream: true,
    // A packet of a client that was forgotten takes a turn away from those that come again.
    ...(scheduler === "rr" && mode !== "flush" ? { later: "shares" as const } : {}),
    memory: { timeoutS: { tcp: idle, udp: idle, sctp: idle }, again: true },
  }),
  prepare: async (lab, { hotplug }) => {
    // Linux does not answer broadcasts unless told to.
    const answer = ["net/ipv4/icmp_echo_ignore_broadcasts=0"];
    if (hotplug) await Promise.all(lab.topology.targets.map(({ name }) => setSysctls(lab.host(name), answer)));
    await Promise.all([sendSegments(lab), serversListen(lab)]);
  },
  router: sideOf,
});

function sideOf({ host, lab, topology, start, fault }: Router, given: Options): RouterSide {
  const program = lab.program("loaded-lb");
  return {
    async install(active) {
      await start([program, "run", ...words(topology, given, active)]).ready("ready");
      for (const family of FAMILIES) {
        const input = `${rules(family, given.queues).join("\n")}\n`;
        await host.exec([`${family === 4 ? "iptables" : "ip6tables"}-restore`, "--noflush"], { input });
      }
    },
    async change(next) {
      const keep = given.leave === "flush" ? [] : ["--keep"];
      const { stdout } = await host.exec([program, "set", ...keep, ...addressesOf(topology, next)]);
      return (JSON.parse(stdout) as { publishedT: number }).publishedT;
    },
    async converge(alive) {
      const wanted = new Set(addressesOf(topology, alive).map(key));
      // Generous: a busy machine is no fault of the balancer's, and how long it took is in the record.
      const seconds = (3 * given.fall * (given.cycle + given.alive)) / 1000 + 10;
      const deadline = lab.clock.now() + seconds * 1e9;
      // Where nobody answers it takes itself for cut off, and keeps them all.
      const isFound = ({ active, cutOff }: Shown) => (alive.length === 0 ? cutOff : !cutOff && isSame(active, wanted));
      while (!isFound(await shown(host, program))) {
        if (lab.clock.now() > deadline) {
          fault(`loaded-lb on ${host.name} did not find out within ${seconds} s which targets answer.`);
          return;
        }
        await lab.clock.sleep(20);
      }
    },
    async counters() {
      const { stdout } = await host.exec([program, "stats"]);
      const { t: _, queues: __, ...stats } = JSON.parse(stdout) as Stats;
      return flatCounters(stats, DROPS);
    },
  };
}

/** One text for each address, however it is written. */
const key = (address: string) => addressBytes(address).join();
const isSame = (a: ReadonlySet<string>, b: ReadonlySet<string>) => a.size === b.size && [...a].every((x) => b.has(x));

const addressesOf = ({ targets }: Topology, indices: readonly number[]) =>
  indices.flatMap((index) => {
    const target = targets[index];
    return target ? FAMILIES.map((family) => addressOf(target, family)) : [];
  });

interface Shown {
  active: ReadonlySet<string>;
  cutOff: boolean;
}

async function shown(host: Host, program: string): Promise<Shown> {
  const { stdout } = await host.exec([program, "show"]);
  const found = JSON.parse(stdout) as { cut_off: boolean; targets: { address: string; state: string }[] };
  const active = found.targets.flatMap(({ address, state }) => (state === "active" ? [key(address)] : []));
  return { active: new Set(active), cutOff: found.cut_off };
}

function words(topology: Topology, given: Options, active: readonly number[]): string[] {
  const { scheduler, queues, batch, qlength, idle, cycle, alive, fall, hotplug, fragments, exempt } = given;
  return [
    ["--vip", `${VIP[4]},${VIP[6]}`],
    ["--targets", addressesOf(topology, active).join(",")],
    ["--scheduler", scheduler],
    ["--queue", queues === 1 ? "0" : `0:${queues - 1}`],
    ["--batch", `${batch}`],
    ["--qlength", `${qlength}`],
    ["--idle", `${idle}`],
    ["--port-alive", `${CHECKED_PORT}`],
    ["--cycle", `${cycle}`],
    ["--alive", `${alive}`],
    ["--fall", `${fall}`],
    hotplug ? ["--hotplug", "eth1"] : [],
    fragments ? ["--fragments"] : [],
    exempt ? ["--exempt", exempt.join(",")] : [],
  ].flat();
}

/** What clients send to the VIP, and what targets send to clients. */
function rules(family: IpFamily, queues: number): string[] {
  const queue = queues === 1 ? "--queue-num 0" : `--queue-balance 0:${queues - 1}`;
  return [
    "*mangle",
    `-A PREROUTING -d ${VIP[family]} -j NFQUEUE ${queue}`,
    `-A PREROUTING -i eth1 -d ${SOURCES[family]} -j NFQUEUE ${queue}`,
    "COMMIT",
  ];
}

const DROPS = new Map(
  ["no_target", "no_room", "no_client", "malformed", "fragments_refused", "queue_dropped", "user_dropped"].map(
    (name) => [name, `drop.loaded_${name}`],
  ),
);
