// SPDX-License-Identifier: Apache-2.0
// What `nft list ruleset` printed: who is chosen by which map, and the same rules without some targets.
import { wrongAt } from "./file.ts";
import type { Rules, Wanted } from "./rules.ts";

/** Rules that need what no dump has, with the reason. */
const REFUSED: [RegExp, string][] = [
  [/\bqueue\b(?! max)/, "no program takes packets from a queue here"],
  [/\btproxy\b/, "no proxy listens here"],
  [/\bredirect\b/, "no program of the router listens here"],
  [/\bxt (?:match|target)\b/, "these are iptables' rules: save them with iptables-save"],
  [/\bsocket cgroupv2\b|\bmeta (?:skuid|skgid|cgroup)\b/, "there are no such processes here"],
  [/\bflow add\b|^\s*flowtable\b/, "flow tables name devices, which are the lab's own"],
];

/** A choice: "numgen inc mod 3 map { 0 : 10.1.0.1, ... }", "jhash ip saddr mod 2 vmap { 0 : goto one, ... }". */
const CHOICE = /\bmod (\d+)([^{}\n]*?\bv?map) \{([^{}]*)\}/g;
const CHAIN = /^\s*chain (\S+) \{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}/gm;

interface Choice {
  start: number;
  text: string;
  modulus: number;
  middle: string;
  elements: { size: number; value: string; host: string | null }[];
}

/** Throws UsageError that names the line. */
export function readNft(file: string, text: string): Rules {
  for (const [i, line] of text.split("\n").entries()) {
    const bare = line.replaceAll(/"[^"]*"/g, '""').replace(/#.*/, "");
    const why = REFUSED.find(([pattern]) => pattern.test(bare));
    if (why) throw wrongAt(file, i + 1, `'${why[0].exec(bare)?.[0].trim()}': ${why[1]}`);
  }
  if (!/^\s*table \w+ \S+ \{/m.test(text)) throw wrongAt(file, 1, "this has no table");
  return {
    portFor: (wanted) => portFor(text, wanted),
    choosesByDnat: !/\b(?:ip6?|ether) daddr set\b|\bfwd\b|\bdup\b/.test(text) && /\bdnat\b/.test(text),
    unclear: (hosts) => unclear(file, text, hosts),
    without: (hosts, out) => without(text, hosts, new Set(out)),
  };
}

/** "10.1.0.7", not "10.1.0.70". */
const mentions = (text: string, host: string) =>
  new RegExp(`(?<![\\w.:])${host.replaceAll(".", "\\.")}(?![\\w.]|:[0-9a-f:]*:)`, "i").test(text);

/** Chains that lead to one target. */
function chainsOf(text: string, hosts: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name = "", body = ""] of text.matchAll(CHAIN)) {
    const dnat = body
      .split("\n")
      .filter((line) => /\bdnat\b|\bdaddr set\b/.test(line))
      .join("\n");
    const own = hosts.filter((host) => mentions(dnat, host));
    if (own.length === 1 && own[0] !== undefined) found.set(name, own[0]);
  }
  return found;
}

function choicesOf(text: string, hosts: readonly string[]): Choice[] {
  const chains = chainsOf(text, hosts);
  const hostOf = (value: string) => {
    const [, chain = ""] = /^(?:goto|jump) (\S+)/.exec(value) ?? [];
    return chains.get(chain) ?? hosts.find((host) => mentions(value, host)) ?? null;
  };
  return [...text.matchAll(CHOICE)].map((found) => {
    const [all = "", modulus = "", middle = "", body = ""] = found;
    const elements = body
      .split(",")
      .map((one) => one.trim())
      .filter((one) => one !== "")
      .map((one) => {
        const [, from = "", to, value = ""] = /^(\d+)(?:-(\d+))?\s*:\s*([\s\S]*)$/.exec(one) ?? [];
        return { size: Number(to ?? from) - Number(from) + 1, value, host: hostOf(value) };
      });
    return { start: found.index, text: all, modulus: Number(modulus), middle, elements };
  });
}

function unclear(file: string, text: string, hosts: readonly string[]): string | null {
  const choices = choicesOf(text, hosts);
  for (const choice of choices) {
    const line = text.slice(0, choice.start).split("\n").length;
    const isOurs = choice.elements.some(({ host }) => host !== null);
    const isPlain = choice.elements.every(({ size }) => Number.isFinite(size) && size > 0);
    if (isOurs && (!isPlain || /\boffset [1-9]/.test(choice.middle)))
      return wrongAt(file, line, "this map cannot be shared out anew when a target leaves").message;
  }
  const never = hosts.find((host) => !choices.some(({ elements }) => elements.some((one) => one.host === host)));
  return never === undefined
    ? null
    : `No choice of '${file}' ('mod N map { ... }', with its elements in the rule) leads to ${never}, so it cannot be taken out.`;
}

/** Elements of targets that are out go, and the modulus with them; a rule with none left goes itself. Lines stay. */
function without(text: string, hosts: readonly string[], out: ReadonlySet<string>): string {
  let changed = "";
  let at = 0;
  for (const choice of choicesOf(text, hosts)) {
    const left = choice.elements.filter(({ host }) => !out.has(host ?? ""));
    if (left.length === choice.elements.length) continue;
    const end = choice.start + choice.text.length;
    const lines = "\n".repeat(choice.text.split("\n").length - 1);
    if (left.length === 0) {
      changed += text.slice(at, text.lastIndexOf("\n", choice.start) + 1) + lines;
      at = text.indexOf("\n", end);
      continue;
    }
    changed += text.slice(at, choice.start) + written(choice, left) + lines;
    at = end;
  }
  return withoutGotos(changed + text.slice(at), hosts, out);
}

function written({ middle }: Choice, left: Choice["elements"]): string {
  let from = 0;
  const elements = left.map(({ size, value }) => {
    const key = size === 1 ? `${from}` : `${from}-${from + size - 1}`;
    from += size;
    return `${key} : ${value}`;
  });
  return `mod ${from}${middle} { ${elements.join(", ")} }`;
}

/** Rules that lead a source back to a target that is out, as affinity does. */
function withoutGotos(text: string, hosts: readonly string[], out: ReadonlySet<string>): string {
  const chains = chainsOf(text, hosts);
  return text
    .split("\n")
    .map((line) => {
      const [, chain = ""] = /\b(?:goto|jump) (\S+)\s*$/.exec(line) ?? [];
      return !/\bv?map\b/.test(line) && out.has(chains.get(chain) ?? "") ? "" : line;
    })
    .join("\n");
}

/** From the lines that name the VIP, and those that name targets with a port. */
function portFor(text: string, { vip, protocol, hosts }: Wanted): ReturnType<Rules["portFor"]> {
  const lines = text.split("\n").filter((line) => mentions(line.replaceAll(/"[^"]*"/g, ""), vip));
  const own = lines.filter((line) => isFor(line, protocol));
  if (own.length === 0) return null;
  const element = new RegExp(`${vip.replaceAll(".", "\\.")}(?:/\\d+)? \\. ${protocol} \\. (\\d+)`);
  const match = new RegExp(`\\b(?:${protocol}|th) dport (?:\\{ )?(\\d+)`);
  const port = own.map((line) => (element.exec(line) ?? match.exec(line))?.[1]).find((found) => found !== undefined);
  const targets = new Map<string, number>();
  const others = text.split("\n").filter((line) => isFor(line, protocol));
  for (const host of hosts) {
    const at = new RegExp(`(?<![\\w.:])\\[?${host.replaceAll(".", "\\.")}\\]?(?::| \\. )(\\d+)`);
    const found = others.map((line) => at.exec(line)?.[1]).find((one) => one !== undefined);
    if (found !== undefined) targets.set(host, Number(found));
  }
  return { vip: port === undefined ? null : Number(port), targets };
}

/** Whether a line is not about the other protocol alone. */
function isFor(line: string, protocol: Wanted["protocol"]): boolean {
  const other = protocol === "tcp" ? "udp" : "tcp";
  return !new RegExp(`\\b${other}\\b`).test(line) || new RegExp(`\\b${protocol}\\b`).test(line);
}
