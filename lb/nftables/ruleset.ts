// SPDX-License-Identifier: Apache-2.0
// The rules as text for `nft -f`, which the kernel takes as one transaction. Pure.
import {
  addressBytes,
  addressOf,
  addressText,
  clientVips,
  type IpFamily as Family,
  linkOn,
  type Machine,
  otherVip,
  type Topology,
  VIP,
} from "../../harness/api/index.ts";
import { returnPath } from "../linux/conntrack.ts";
import { weightOf } from "../linux/options.ts";
import { masqueradeStatements, wantsMasquerade } from "../linux/room.ts";
import { isStateless, type Settings } from "./options.ts";

const FAMILY_WORDS = { 4: { ip: "ip", type: "ipv4_addr" }, 6: { ip: "ip6", type: "ipv6_addr" } } as const;

/** In a map nft takes no IPv6 address that ends in dotted decimals. */
export const mapAddressOf = (target: Machine, family: Family) => addressText(addressBytes(addressOf(target, family)));

/** What one router is told, by the targets (indices) in use. */
export interface RouterRules {
  install(active: readonly number[]): string;
  /** All anew, in one transaction. */
  replace(active: readonly number[]): string;
  change(active: readonly number[], before: readonly number[]): string;
  removed: string;
}

export function rulesOf({ topology, router, services }: Place & { services: number }, settings: Settings): RouterRules {
  const place = { topology, router };
  const all = (active: readonly number[]) =>
    ruleset(topology, router, settings, active) +
    (services > 0 ? otherServices(place, settings, active, services) : "");
  const removed = `delete table ${tableOf(settings)}\n`;
  return {
    install: all,
    replace: (active) => removed + all(active),
    change: (active) => change(topology, router, settings, active),
    removed,
  };
}

/** The whole ruleset of one router. */
export function ruleset(topology: Topology, router: Machine, settings: Settings, active: readonly number[]): string {
  const table = `table ${tableOf(settings)}`;
  return text([
    `${table} {`,
    ...settings.families.flatMap((family) => [
      ...services(family, topology, settings),
      ...persistenceMap(family, settings),
      `chain service${family} {`,
      ...serviceRules(family, { topology, router }, settings, active),
      "}",
    ]),
    ...hooks(topology, settings),
    "}",
  ]);
}

/** Replaces the choice of a target, for all families at once. */
export function change(topology: Topology, router: Machine, settings: Settings, active: readonly number[]): string {
  const table = tableOf(settings);
  return text(
    settings.families.flatMap((family) => [
      `flush chain ${table} service${family}`,
      `table ${table} {`,
      `chain service${family} {`,
      ...serviceRules(family, { topology, router }, settings, active),
      "}",
      "}",
    ]),
  );
}

/** With direct return packets are redirected before the stack sees them. */
const tableOf = ({ mode }: Settings) => (mode === "dsr" ? "netdev lb" : "inet lb");

interface Place {
  topology: Topology;
  router: Machine;
}

/** Further services in the same table: chains like the VIP's, and entries of the map that lead there. */
function otherServices({ topology, router }: Place, settings: Settings, active: readonly number[], n: number): string {
  const table = tableOf(settings);
  const all = Array.from({ length: n }, (_, i) => i + 1);
  return text(
    settings.families.flatMap((family) => {
      const rules = serviceRules(family, { topology, router }, settings, active);
      const elements = all.flatMap((i) => elementsOf(otherVip(i, family), `other${family}_${i}`, settings));
      return [
        `table ${table} {`,
        ...all.flatMap((i) => [`chain other${family}_${i} {`, ...rules, "}"]),
        "}",
        `add element ${table} services${family} ${set(elements)}`,
      ];
    }),
  );
}

/** Entries of the verdict map that lead from an address to a chain. */
function elementsOf(vip: string, chain: string, { ports, protocols }: Settings): string[] {
  // Only port ranges need the interval look-up, which costs more than a plain one.
  const ranges = ports?.map(({ from, to }) => (from === to ? ` . ${from}` : ` . ${from}-${to}`)) ?? [""];
  return protocols.flatMap((protocol) => ranges.map((range) => `${vip} . ${protocol}${range} : goto ${chain}`));
}

/** Verdict map from what a packet is sent to, to the chain that serves it: one look-up however many services there are. */
function services(family: Family, topology: Topology, settings: Settings): string[] {
  const { type } = FAMILY_WORDS[family];
  const { ports } = settings;
  const vips = clientVips(topology, family);
  return [
    `map services${family} {`,
    `type ${type} . inet_proto${ports ? " . inet_service" : ""} : verdict`,
    ...(ports ? ["flags interval"] : []),
    `elements = { ${vips.flatMap((vip) => elementsOf(vip, `service${family}`, settings)).join(", ")} }`,
    "}",
  ];
}

/** Source -> mark of its target; it forgets by itself. */
function persistenceMap(family: Family, { persistenceS }: Settings): string[] {
  if (persistenceS === 0) return [];
  const { type } = FAMILY_WORDS[family];
  return [
    `map persistent${family} {`,
    `type ${type} : mark`,
    "size 65536",
    "flags dynamic,timeout",
    `timeout ${persistenceS}s`,
    "}",
  ];
}

function hooks(topology: Topology, settings: Settings): string[] {
  const lookUp = settings.families.map(
    (family) =>
      `${FAMILY_WORDS[family].ip} daddr . meta l4proto${settings.ports ? " . th dport" : ""} vmap @services${family}`,
  );
  switch (settings.mode) {
    case "dsr":
      return ["chain ingress {", "type filter hook ingress device eth2 priority 0; policy accept;", ...lookUp, "}"];
    case "stateless_dnat":
      return [
        "chain prerouting {",
        "type filter hook prerouting priority raw; policy accept;",
        ...settings.families.map(
          (family) =>
            `iifname "eth1" ${FAMILY_WORDS[family].ip} saddr ${set(topology.targets.map((t) => mapAddressOf(t, family)))} notrack ${FAMILY_WORDS[family].ip} saddr set ${VIP[family]} accept`,
        ),
        ...lookUp,
        "}",
      ];
    case "dnat":
    case "snat":
      return [
        "chain prerouting {",
        "type nat hook prerouting priority dstnat; policy accept;",
        ...lookUp,
        "}",
        // What SYNPROXY sends to a target is the router's own.
        ...(settings.synproxy
          ? ["chain output {", "type nat hook output priority -100; policy accept;", ...lookUp, "}"]
          : []),
        "chain postrouting {",
        "type nat hook postrouting priority srcnat; policy accept;",
        ...(settings.mode === "snat" || returnPath(topology, wantsMasquerade(settings)) === "masquerade"
          ? masqueradeStatements('oifname "eth1" ct status dnat', settings)
          : []),
        "}",
      ];
  }
}

function serviceRules(
  family: Family,
  { topology, router }: Place,
  settings: Settings,
  active: readonly number[],
): string[] {
  const { ip } = FAMILY_WORDS[family];
  const pool = inUse(settings, active);
  if (pool.length === 0) return [];
  const to = (index: number) => {
    const target = topology.targets[index];
    if (target === undefined) return "";
    return settings.mode === "dsr" ? linkOn(target, "net1").mac : mapAddressOf(target, family);
  };
  const choice = `${schedule(family, settings, pool)} map ${slots(settings, pool, to)}`;
  if (settings.mode === "dsr")
    return [`ether saddr set ${linkOn(router, "net1").mac} ether daddr set ${choice} fwd to "eth1"`];
  if (isStateless(settings.mode)) return [`notrack ${ip} daddr set ${choice}`];
  if (settings.persistenceS === 0) return [`dnat ${ip} to ${choice}`];
  // A mark of no target, or of one that is gone, is taken out first: "update" renews the time of an entry, but not its mark.
  const marks = `meta mark map { ${pool.map((index) => `${index + 1} : ${to(index)}`).join(", ")} }`;
  const mark = (index: number) => `${index + 1}`;
  const keep = `update @persistent${family} { ${ip} saddr : meta mark }`;
  return [
    `meta mark set ${ip} saddr map @persistent${family}`,
    `meta mark ${set(pool.map(mark))} ${keep} dnat ${ip} to ${marks}`,
    `delete @persistent${family} { ${ip} saddr : meta mark }`,
    `meta mark set ${schedule(family, settings, pool)} map ${slots(settings, pool, mark)}`,
    `${keep} dnat ${ip} to ${marks}`,
  ];
}

/** The active targets of the best priority that has any. */
export function inUse({ priorities }: Pick<Settings, "priorities">, active: readonly number[]): number[] {
  if (!priorities) return [...active].sort((a, b) => a - b);
  const priority = (index: number) => priorities[index] ?? 1;
  const best = Math.min(...active.map(priority));
  return active.filter((index) => priority(index) === best).sort((a, b) => a - b);
}

function schedule(family: Family, { scheduler, keys, hashSeed, weights }: Settings, pool: readonly number[]): string {
  const total = pool.reduce((sum, index) => sum + weightOf(weights, index), 0);
  const { ip } = FAMILY_WORDS[family];
  const fields = { srcip: `${ip} saddr`, dstip: `${ip} daddr`, srcport: "th sport", dstport: "th dport" };
  switch (scheduler) {
    case "rr":
      return `numgen inc mod ${total}`;
    case "weight":
      return `numgen random mod ${total}`;
    case "hash":
      return `jhash ${keys.map((key) => fields[key]).join(" . ")} mod ${total} seed 0x${hashSeed.toString(16)}`;
    case "symhash":
      return `symhash mod ${total}`;
  }
}

/** Every target has as many slots as its weight, in the order of the targets. */
function slots({ weights }: Settings, pool: readonly number[], to: (index: number) => string): string {
  let from = 0;
  const elements = pool.map((index) => {
    const last = from + weightOf(weights, index) - 1;
    const range = last === from ? `${from}` : `${from}-${last}`;
    from = last + 1;
    return `${range} : ${to(index)}`;
  });
  return set(elements);
}

const set = (elements: readonly string[]) => `{\n${elements.join(",\n")}\n}`;
const text = (lines: readonly string[]) => `${lines.join("\n")}\n`;
