// SPDX-License-Identifier: Apache-2.0
// Addresses and devices in a dump of rules: each is known, mapped, or refused with its line.
import { type Machine, type Topology, UsageError } from "../../harness/api/index.ts";
import { wrongAt } from "./file.ts";
import { type Layout, labAddress } from "./layout.ts";

const MAC = /(?<![\w:.])(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}(?![\w:.])/g;
const ADDRESS =
  /(?<![\w:.-])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9a-fA-F]{0,4}:){2,}(?:[0-9a-fA-F]{0,4}|\d{1,3}(?:\.\d{1,3}){3}))(?:\/\d{1,3})?(?![\w.]|:[0-9a-fA-F]*:)/g;
const TEXTS = /"[^"\n]*"/g;
/** Everywhere, or nobody of the lab. */
const ALWAYS =
  /^(?:0\.0\.0\.0(?:\/0)?|::(?:\/0)?|127\.[\d.]+(?:\/\d+)?|::1(?:\/128)?|169\.254\.[\d.]+(?:\/\d+)?|2(?:2[4-9]|3\d|55)\.[\d.]+(?:\/\d+)?|f[ef][0-9a-f]{0,2}::.*)$/i;
const WHOLE = /\/(?:32|128)$/;

/** How a format writes devices: the pattern's first group is the name. */
const DEVICES = {
  iptables: /(?<=^|\s)(?:-i|-o|--in-interface|--out-interface)\s+(\S+)/g,
  nft: /\b(?:iifname|oifname|iif|oif|device)\s+(?:!=\s*)?"?([\w.*-]+)"?/g,
} as const;

const SETS_OF_DEVICES = /\b(?:[io]ifname|[io]if|devices)\s*(?:!=|=)?\s*\{/;

export interface Lab {
  topology: Topology;
  router: Machine;
}

/** The text with the lab's addresses and devices in the same lines. Throws UsageError for one that nobody has named. */
export function mapped(
  text: string,
  { layout, format, map }: { layout: Layout; format: keyof typeof DEVICES; map: string | undefined },
  lab: Lab,
): string {
  const used = new Set<string>();
  const lines = text.split("\n").map((line, i) => {
    if (/^\s*#/.test(line)) return line;
    const [mac] = line.replaceAll(TEXTS, "").match(MAC) ?? [];
    if (mac) throw wrongAt(layout.file, i + 1, `'${mac}': MAC addresses of machines are not mapped`);
    if (format === "nft" && SETS_OF_DEVICES.test(line))
      throw wrongAt(layout.file, i + 1, "sets of devices are not mapped: name one device in a rule");
    const devices = line.replaceAll(DEVICES[format], (all, name: string) =>
      all.replace(name, deviceOf(layout, name, i + 1, used)),
    );
    return outsideTexts(devices, (part) =>
      part.replaceAll(ADDRESS, (word) => addressFor(layout, word, { line: i + 1, lab, used })),
    );
  });
  const words = (map ?? "").split(",").map((word) => word.slice(0, word.lastIndexOf(":")));
  const unused = words.find((word) => word !== "" && !used.has(word));
  if (unused) throw new UsageError(`--set map names '${unused}', which does not stand in '${layout.file}'.`);
  return lines.join("\n");
}

/** Comments keep what they say. */
function outsideTexts(line: string, change: (part: string) => string): string {
  let at = 0;
  let out = "";
  for (const found of line.matchAll(TEXTS)) {
    out += change(line.slice(at, found.index)) + found[0];
    at = found.index + found[0].length;
  }
  return out + change(line.slice(at));
}

function addressFor(
  layout: Layout,
  word: string,
  { line, lab, used }: { line: number; lab: Lab; used: Set<string> },
): string {
  const bare = word.replace(WHOLE, "");
  const known = [word, bare].find((text) => layout.placeOf.has(text));
  const place = known === undefined ? undefined : layout.placeOf.get(known);
  if (known !== undefined && place !== undefined) {
    used.add(known);
    const address = labAddress(known, place, lab.topology, lab.router);
    return known === bare && place !== "clients" ? plain(address) + word.slice(bare.length) : address;
  }
  if (ALWAYS.test(word)) return word;
  throw wrongAt(
    layout.file,
    line,
    `'${word}' is neither the VIP nor a target: say what it is in the lab with --set map=${word}:keep (as it is), :clients, :router, :vip2 or a target`,
  );
}

/** nft takes no IPv6 address whose end is written as an IPv4 one. */
function plain(address: string): string {
  const [, head, a = 0, b = 0, c = 0, d = 0] = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address) ?? [];
  const hex = (high: number, low: number) => (high * 256 + low).toString(16);
  return head === undefined ? address : `${head}${hex(Number(a), Number(b))}:${hex(Number(c), Number(d))}`;
}

/** The lab's routers have clients behind eth2 and targets behind eth1. */
function deviceOf(layout: Layout, name: string, line: number, used: Set<string>): string {
  const place = layout.placeOf.get(name);
  if (name === "lo") return name;
  used.add(name);
  if (place === "keep") return name;
  if (place === "clients") return "eth2";
  if (place === "targets") return "eth1";
  throw wrongAt(
    layout.file,
    line,
    `device '${name}': say which of the lab's it is with --set map=${name}:clients, ${name}:targets or ${name}:keep (none)`,
  );
}
