// SPDX-License-Identifier: Apache-2.0
// Which flow takes a packet: a priority list of conditions, as lb/common/flowset/rule.h defines it. Written from the definition, not from the C.
import { z } from "zod";
import { addressBytes, type Flow, isIpv4, PROTOCOL } from "../hash.ts";

const network = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);
const ports = z.string().regex(/^\d{1,5}(-\d{1,5})?$/, "expected a port or a range, such as 5000-5010");

/** What both the record and a file of flows say of one. */
export const flowConditions = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,31}$/, "expected up to 31 letters, digits, '_', '-' and '.'")
    .describe("of the flow"),
  priority: z
    .int()
    .min(0)
    .max(2_147_483_647)
    .exactOptional()
    .describe("the highest is asked first, of equal ones the first (0)"),
  vips: z.array(network).min(1).max(16).describe("destinations: VIPs or networks of them"),
  sources: z.array(network).min(1).max(16).exactOptional().describe("networks of clients"),
  protocols: z
    .array(z.enum(["tcp", "udp", "sctp"]))
    .min(1)
    .exactOptional(),
  ports: z.array(ports).min(1).max(16).exactOptional().describe("destination ports or ranges"),
  sourcePorts: z.array(ports).min(1).max(16).exactOptional().describe("ports of clients, or ranges"),
  match: z
    .array(
      z
        .string()
        .regex(/^[0-3]:([0-9a-f]{2}){1,4}(\/([0-9a-f]{2}){1,4})?$/, "expected OFFSET:HEX/MASK within bytes 0 to 3"),
    )
    .min(1)
    .max(4)
    .exactOptional()
    .describe("bytes of the transport header that all must match: of its ports, bytes 0 to 3"),
});
/** `targets` are indices. */
export const flowRule = flowConditions.extend({ targets: z.array(z.int().min(0)) });
export type FlowRule = z.infer<typeof flowRule>;

type Test = (flow: Flow) => boolean;

/** Index of the rule that takes a flow; the number of rules: none does. */
export function classifier(rules: readonly FlowRule[]): (flow: Flow) => number {
  const ranked = rules
    .map((rule, index) => ({ index, priority: rule.priority ?? 0, holds: conditionsOf(rule) }))
    .sort((a, b) => b.priority - a.priority || a.index - b.index);
  return (flow) => ranked.find(({ holds }) => holds(flow))?.index ?? rules.length;
}

function conditionsOf({ vips, sources, protocols, ports: to, sourcePorts, match }: FlowRule): Test {
  const numbers = protocols?.map((name) => PROTOCOL[name]);
  const tests: Test[] = [
    anyOf(vips, (word) => inNetwork(word, ({ dst }) => dst)),
    anyOf(sources, (word) => inNetwork(word, ({ src }) => src)),
    anyOf(to, (word) => inPorts(word, ({ dport }) => dport)),
    anyOf(sourcePorts, (word) => inPorts(word, ({ sport }) => sport)),
    ...(match ?? []).map(matches),
    ...(numbers ? [({ protocol }: Flow) => numbers.some((number) => number === protocol)] : []),
  ];
  return (flow) => tests.every((test) => test(flow));
}

function anyOf(words: readonly string[] | undefined, of: (word: string) => Test): Test {
  const tests = words?.map(of);
  return (flow) => tests?.some((test) => test(flow)) ?? true;
}

function inNetwork(word: string, addressOf: (flow: Flow) => Uint8Array): Test {
  const [text = "", length] = word.split("/");
  const own = addressBytes(text);
  const bits = length === undefined ? 128 : Number(length) + (text.includes(":") ? 0 : 96);
  const isV4 = !text.includes(":");
  return (flow) => isIpv4(flow) === isV4 && sameBits(own, addressOf(flow), bits);
}

function sameBits(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  for (let i = 0; i * 8 < bits; i++) {
    const mask = bits - i * 8 >= 8 ? 255 : 255 & (255 << (8 - (bits - i * 8)));
    if (((a[i] ?? 0) & mask) !== ((b[i] ?? 0) & mask)) return false;
  }
  return true;
}

/** First and last port. */
export function portRange(word: string): [low: number, high: number] {
  const [low = 0, high = low] = word.split("-").map(Number);
  return [low, high];
}

function inPorts(word: string, portOf: (flow: Flow) => number): Test {
  const [low, high] = portRange(word);
  return (flow) => portOf(flow) >= low && portOf(flow) <= high;
}

/** The transport header begins with the ports, source first. */
function matches(word: string): Test {
  const [, offset = "0", value = "", mask = "f".repeat(value.length)] =
    /^(\d+):([0-9a-f]+)(?:\/([0-9a-f]+))?$/.exec(word) ?? [];
  const size = value.length / 2;
  const shift = 8 * (4 - Number(offset) - size);
  const [want, care] = [value, mask].map((hex) => BigInt(`0x${hex}`)) as [bigint, bigint];
  return ({ sport, dport }) => {
    const header = (BigInt(sport) << 16n) | BigInt(dport);
    return shift >= 0 && (((header >> BigInt(shift)) ^ want) & care) === 0n;
  };
}
