// SPDX-License-Identifier: Apache-2.0
// Words of nft that several kinds of chains use. Pure.
import type { Key, Rate } from "./grammar.ts";
import type { Entry } from "./lookups.ts";
import type { Part } from "./parts.ts";
import type { Family, Service } from "./services.ts";

export interface RenderOptions {
  /** Of jhash; the same on every router, so that all choose alike. */
  hashSeed: number;
  /** Number of the nfnetlink group that log lines go to; null: the kernel's log. */
  logGroup: number | null;
  /** Turn and chance without state draw a target for each packet, as nftlb's rules do. */
  unsafe: boolean;
  /** Statements that give a connection the router's own address. */
  masquerade: readonly string[];
}
/** What one farm adds to the ruleset. */
export interface Fragment {
  parts: Map<string, Part>;
  entries: Entry[];
  devices: string[];
  offloaded: string[];
  /** Of mode local: mark of a packet -> source address. */
  sources: Map<string, string>[];
}

/** One family of one farm, and where its parts go. */
export interface Place {
  service: Service;
  family: Family;
  options: RenderOptions;
  fragment: Fragment;
}

export const ip = (family: Family) => (family === 4 ? "ip" : "ip6");
export const addressType = (family: Family) => (family === 4 ? "ipv4_addr" : "ipv6_addr");
export const hex = (mark: number) => `0x${mark.toString(16)}`;
/** Of a set or a chain of this farm. */
export const named = (word: string, { service, family }: Place) => `${word}${family}-${service.farm.name}`;

const FIELDS = { srcport: "th sport", dstport: "th dport", srcmac: "ether saddr", dstmac: "ether daddr" } as const;
const TYPES = {
  srcport: "inet_service",
  dstport: "inet_service",
  srcmac: "ether_addr",
  dstmac: "ether_addr",
} as const;

/** Bytes of a key in a concatenation, whose parts are words of four bytes. */
const bytesOf = (key: Key, family: Family) =>
  key.endsWith("ip") ? (family === 4 ? 4 : 16) : key.endsWith("mac") ? 8 : 4;
export const sizeOf = (keys: readonly Key[], family: Family) =>
  keys.reduce((bytes, key) => bytes + bytesOf(key, family), 0);

/** nft 1.0.6 ends by an assertion over more than 48 bytes: the MAC address of the router itself gives way then. */
export const fitting = (keys: readonly Key[], family: Family) =>
  sizeOf(keys, family) <= 48 ? keys : keys.filter((key) => key !== "dstmac");

export const fieldsOf = (keys: readonly Key[], family: Family) =>
  keys
    .map((key) => (key === "srcip" ? `${ip(family)} saddr` : key === "dstip" ? `${ip(family)} daddr` : FIELDS[key]))
    .join(" . ");
export const typeOf = (keys: readonly Key[], family: Family) =>
  keys.map((key) => (key === "srcip" || key === "dstip" ? addressType(family) : TYPES[key])).join(" . ");

const rateText = ({ count, unit }: Rate) => `${count}/${unit}`;
export const limitOver = (rate: Rate, burst: number) =>
  `limit rate over ${rateText(rate)}${burst > 0 ? ` burst ${burst} packets` : ""}`;

/** What stands for a word of a prefix. */
export type PrefixWords = Partial<Record<"KNAME" | "TYPE" | "PNAME" | "BNAME", string>>;

function logStatement({ service, options }: Place, prefix: string, words: PrefixWords): string {
  const values: Record<string, string | undefined> = {
    ...words,
    FNAME: service.farm.name,
    ANAME: service.virtuals[0]?.name,
  };
  const text = prefix.replace(/KNAME|TYPE|FNAME|ANAME|PNAME|BNAME/g, (word) => values[word] ?? word);
  const group = options.logGroup === null ? "" : ` group ${options.logGroup}`;
  return `log prefix "${text.slice(0, 127)}"${group}`;
}

/** A rule of its own that logs, at most at the farm's rate. */
export function logRule(place: Place, prefix: string, words: PrefixWords): string {
  const rate = place.service.farm["log-rtlimit"];
  return `${rate.count > 0 ? `limit rate ${rateText(rate)} ` : ""}${logStatement(place, prefix, words)}`;
}

interface Over {
  /** Name of the chain, should one be needed. */
  chain: string;
  table: string;
  prefix: string;
  words: PrefixWords;
  verdict: string;
}

/** What follows a match of a limit or a policy: log and verdict; with a rate of logs in a chain, as a rate ends a rule. */
export function consequence(place: Place, { chain, table, prefix, words, verdict }: Over): string {
  const { farm } = place.service;
  if (!farm.verdict.includes("log")) return verdict === "" ? "continue" : verdict;
  if (farm["log-rtlimit"].count === 0) return `${logStatement(place, prefix, words)} ${verdict}`.trimEnd();
  const rules = [logRule(place, prefix, words), ...(verdict === "" ? [] : [verdict])];
  place.fragment.parts.set(`${table} ${chain}`, { kind: "chain", hook: null, rules });
  return `jump ${chain}`;
}

export const INET = "inet nft-lb";
const NETDEV = "netdev nft-lb";
/** Entries of a map that packets fill. */
export const MANY = "size 65535";

export const tableOf = (service: Service) => (service.farm.mode === "dsr" ? NETDEV : INET);

export function chain(place: Place, word: string, rules: readonly string[]): string {
  const name = named(word, place);
  place.fragment.parts.set(`${tableOf(place.service)} ${name}`, { kind: "chain", hook: null, rules });
  return name;
}

export function set(
  place: Place,
  word: string,
  spec: readonly string[],
  elements: Map<string, string> | null = null,
): string {
  const name = named(word, place);
  const kind = spec[0]?.includes(" : ") ? "map" : "set";
  const part = { kind, spec, elements: elements ?? new Map<string, string>() } as const;
  place.fragment.parts.set(`${tableOf(place.service)} ${name}`, part);
  return name;
}

export function enter(place: Place, use: Entry["use"], to: string): void {
  place.fragment.entries.push(...place.service.virtuals.map((virtual) => ({ use, chain: to, virtual })));
}

/** Whether the file gives marks, which routes may ask for then. */
export const isMarked = ({ service: { farm } }: Place) =>
  farm.mark !== 0 || farm.backends.some(({ mark }) => mark !== 0);

export const inputLog = (place: Place) =>
  place.service.farm.log.includes("input")
    ? [logRule(place, place.service.farm["log-prefix"] ?? "TYPE-FNAME ", { TYPE: "IN" })]
    : [];
