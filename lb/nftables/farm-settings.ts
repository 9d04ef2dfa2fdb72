// SPDX-License-Identifier: Apache-2.0
// What an oracle and a report must know of the farms that serve the VIP. Pure.
import { FAMILIES, PORT, type Protocol, type Served } from "../../harness/api/index.ts";
import { type FarmPlan, readFarm, type Serving, targetIndex } from "./farm.ts";
import type { Farm, Ports } from "./farms/grammar.ts";
import { portsOf } from "./farms/ports.ts";
import { familyOf } from "./farms/services.ts";
import { type Given, isStateless, PROTOCOLS, passed, type Settings } from "./options.ts";

/** No count of targets that are down reaches it: the farm has no such backend. */
const NEVER = 0xffff_ffff;
const KEYS = ["srcip", "dstip", "srcport", "dstport"] as const;
type FlowKey = (typeof KEYS)[number];
const isFlowKey = (key: string): key is FlowKey => (KEYS as readonly string[]).includes(key);

/** Settings of each farm that serves the VIP. Throws UsageError where the file is wrong. */
export function farmSettings(path: string, given: Given, targets: number): Settings[] {
  const plan = readFarm(path, targets);
  return plan.serving.map((serving) => settingsOf(serving, plan, given, targets));
}

/** How the first farm that serves the VIP does it, however many targets there are. */
export function farmMode(path: string): Settings["mode"] {
  const [first] = readFarm(path, null).serving;
  return first ? modeOf(first.farm) : "dnat";
}

const modeOf = ({ mode }: Farm): Settings["mode"] =>
  mode === "stlsdnat" ? "stateless_dnat" : mode === "local" ? "dnat" : mode;

function settingsOf({ farm, virtuals }: Serving, plan: FarmPlan, given: Given, targets: number): Settings {
  const mode = given.mode ?? modeOf(farm);
  const scheduler = given.scheduler ?? farm.scheduler;
  return {
    ...passed(given),
    farm: farm.name,
    mode,
    scheduler,
    keys: hashedBy(farm).filter(isFlowKey),
    ...poolOf(farm, given, targets),
    ports: given.ports ?? virtuals[0]?.ports ?? undefined,
    families: familiesIn(virtuals),
    protocols: PROTOCOLS.filter((one) => virtuals.some(({ protocol }) => (protocol ?? one) === one)),
    standby: "nftlb",
    ...memoryOf(farm, given, { mode, scheduler }),
    ignored: plan.ignored,
  };
}

const familiesIn = (virtuals: readonly { ip: string }[]) =>
  FAMILIES.filter((family) => virtuals.some(({ ip }) => familyOf(ip) === family));

const hashedBy = (farm: Farm) => (farm["sched-param"].length > 0 ? farm["sched-param"] : (["srcip"] as const));

/** Weights and priorities by target. */
function poolOf({ backends }: Farm, given: Given, targets: number) {
  const index = ({ "ip-addr": ip }: Farm["backends"][number]) => targetIndex(ip, targets);
  const own = Array.from({ length: targets }, (_, i) => backends.find((one) => index(one) === i));
  const down = own.flatMap((one, i) => (one && one.state !== "up" && one.state !== "available" ? [i] : []));
  return {
    weights: given.weights ?? own.map((one) => one?.weight ?? 1),
    priorities: own.map((one, i) => (one ? (given.priorities?.[i] ?? one.priority) : NEVER)),
    ...(down.length > 0 ? { down } : {}),
    order: [...new Set(backends.map(index))],
  };
}

/** What is remembered of sources, and of connections where conntrack does not. */
function memoryOf(farm: Farm, given: Given, { mode, scheduler }: Pick<Settings, "mode" | "scheduler">) {
  const kept: Farm["persistence"] = given.persistence > 0 ? ["srcip"] : farm.persistence;
  const ttl = given.persistence || farm["persist-ttl"];
  const byConnection = kept.includes("srcport");
  const bySource = kept.includes("srcip") && !byConnection;
  const isTurn = !given.unsafe && (scheduler === "rr" || scheduler === "weight");
  const isOdd = kept.length > 0 && (farm.sessions.length > 0 || !(bySource || byConnection));
  return {
    persistenceS: bySource ? ttl : 0,
    keptS: isStateless(mode) && (kept.length > 0 || isTurn) ? ttl : null,
    unforeseen: isOdd || (scheduler === "hash" && !hashedBy(farm).every(isFlowKey)),
  };
}

/** What the VIP serves, and where, if not at the lab's own ports: then the first farm of a protocol is asked. */
export function servedBy(path: string, targets: number): Served {
  const { serving } = readFarm(path, targets);
  const of = (protocol: Protocol) =>
    serving.flatMap(({ farm, virtuals }) =>
      virtuals.flatMap((one) => ((one.protocol ?? protocol) === protocol ? [{ farm, ...one }] : [])),
    );
  const protocols = PROTOCOLS.filter((protocol) => of(protocol).length > 0);
  const ports = protocols.flatMap((protocol) => {
    const all = of(protocol);
    const isOwn = all.every(({ farm }) => farm.backends.every(({ port }) => port.length === 0));
    const has = (port: number) => all.some((one) => one.ports === null || inRanges(port, one.ports));
    if (isOwn && LAB_PORTS[protocol].every(has)) return [];
    const [first] = all;
    const vip = first?.ports?.[0]?.from ?? LAB_PORTS[protocol][0];
    const ofTarget = (i: number) => first?.farm.backends.find(({ "ip-addr": ip }) => targetIndex(ip, targets) === i);
    const portsAt = Array.from({ length: targets }, (_, i) => portsOf(ofTarget(i)));
    const others = [...new Set(portsAt.flatMap(([, ...more]) => more))];
    return [
      [protocol, { vip, targets: portsAt.map(([port]) => port ?? vip), ...(others.length > 0 ? { others } : {}) }],
    ] as const;
  });
  return {
    families: familiesIn(protocols.flatMap(of)),
    protocols,
    source: `Farm file '${path}'`,
    familiesFor: Object.fromEntries(protocols.map((protocol) => [protocol, familiesIn(of(protocol))])),
    ...(ports.length > 0 ? { ports: Object.fromEntries(ports) } : {}),
  };
}

const LAB_PORTS = {
  tcp: [PORT.connect, PORT.stream.tcp],
  udp: [PORT.stream.udp],
  sctp: [PORT.connect, PORT.stream.sctp],
} as const;
const inRanges = (port: number, ranges: readonly Ports[]) => ranges.some(({ from, to }) => from <= port && port <= to);
