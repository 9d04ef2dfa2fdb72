// SPDX-License-Identifier: Apache-2.0
// What `iptables-save` printed: who is chosen by which rule, and the same rules without some targets.
import { wrongAt } from "./file.ts";
import type { Rules, Wanted } from "./rules.ts";

interface Rule {
  line: number;
  table: string;
  chain: string;
  words: readonly string[];
}

/** Rules that need what no dump has, with the reason. */
const REFUSED: [RegExp, string][] = [
  [/-j NFQUEUE\b/, "no program takes packets from a queue here"],
  [/-j TPROXY\b/, "no proxy listens here"],
  [/-j REDIRECT\b/, "no program of the router listens here"],
  [/-j CLUSTERIP\b/, "the kernel has it no more"],
  [/--match-set\b/, "sets are not in this file"],
  [/-m bpf\b/, "programs are not in this file"],
  [/--cgroup\b|-m owner\b/, "there are no such processes here"],
];

/** Throws UsageError that names the line. */
export function readIptables(file: string, text: string): Rules {
  const rules = rulesOf(file, text);
  const byChain = new Map<string, Rule[]>();
  for (const rule of rules) byChain.set(chainOf(rule), [...(byChain.get(chainOf(rule)) ?? []), rule]);
  const selects = (hosts: readonly string[]) => selector(byChain, hosts);
  const dump = { file, text, rules };
  return {
    portFor: (wanted) => portFor(rules, byChain, wanted),
    choosesByDnat: true,
    unclear(hosts) {
      const chosen = new Set(rules.map(selects(hosts)).filter((host) => host !== null));
      const never = hosts.find((host) => !chosen.has(host));
      if (never) return `No rule of '${file}' sends connections to ${never} by DNAT.`;
      const reasons = hosts.map((host) => reasonOf(() => withoutHosts(dump, selects(hosts), new Set([host]))));
      return reasons.find((reason) => reason !== null) ?? null;
    },
    without: (hosts, out) => withoutHosts(dump, selects(hosts), new Set(out)),
  };
}

const chainOf = ({ table, chain }: Rule) => `${table} ${chain}`;

function reasonOf(action: () => unknown): string | null {
  try {
    action();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function rulesOf(file: string, text: string): Rule[] {
  let table = "";
  const rules: Rule[] = [];
  for (const [i, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line.startsWith("*")) table = line.slice(1);
    else if (line.startsWith("-A ") && table !== "") {
      const why = REFUSED.find(([pattern]) => pattern.test(line));
      if (why) throw wrongAt(file, i + 1, `'${why[0].exec(line)?.[0]}': ${why[1]}`);
      const words = line.match(/(?:"(?:\\.|[^"\\])*"|\S)+/g) ?? [];
      rules.push({ line: i + 1, table, chain: words[1] ?? "", words: words.slice(2) });
    } else if (line !== "" && !/^(?:#|:\S+ \S+|COMMIT$)/.test(line))
      throw wrongAt(file, i + 1, `'${line.split(" ")[0]}' is no line of iptables-save`);
  }
  return rules;
}

const after = (words: readonly string[], ...flags: string[]): string | undefined => {
  const at = words.findIndex((word) => flags.includes(word));
  return at < 0 ? undefined : words[at + 1];
};

/** "10.1.0.7:8080", "[2001:db8::1]:80". */
function destination(words: readonly string[]): { host: string; port: number | null } | null {
  const found = /^(?:\[([^\]]+)\]|([^:]+|[0-9a-fA-F:]*:[0-9a-fA-F:]*:[0-9a-fA-F:]*))(?::(\d+))?$/.exec(
    after(words, "--to-destination") ?? "",
  );
  return found ? { host: found[1] ?? found[2] ?? "", port: found[3] === undefined ? null : Number(found[3]) } : null;
}

type Selector = (rule: Rule) => string | null;

/** The one target that a rule leads to: by itself, or by the chain that it jumps to. */
function selector(byChain: ReadonlyMap<string, readonly Rule[]>, hosts: readonly string[]): Selector {
  const known = new Map<string, string | null>();
  const ofChain = (name: string): string | null => {
    const before = known.get(name);
    if (before !== undefined) return before;
    known.set(name, null);
    const found = new Set((byChain.get(name) ?? []).map(ofRule).filter((host) => host !== null));
    const only = found.size === 1 ? ([...found][0] ?? null) : null;
    known.set(name, only);
    return only;
  };
  const ofRule: Selector = ({ table, words }) => {
    const host = destination(words)?.host;
    if (host !== undefined) return hosts.includes(host) ? host : null;
    const to = after(words, "-j", "-g");
    return to === undefined ? null : ofChain(`${table} ${to}`);
  };
  return ofRule;
}

/** What does not tell the rules of one choice from each other. */
const OWN_WORDS = new Set([
  "-j",
  "-g",
  "--to-destination",
  "--comment",
  "--mode",
  "--probability",
  "--every",
  "--packet",
]);

/** Of rules that choose one of several: what they have in common. */
const keyOf = ({ table, chain, words }: Rule) =>
  [
    table,
    chain,
    ...words.filter(
      (word, i) =>
        !OWN_WORDS.has(word) &&
        !OWN_WORDS.has(words[i - 1] ?? "") &&
        word !== "statistic" &&
        word !== "comment" &&
        word !== "-m",
    ),
  ].join(" ");

function withoutHosts(
  { file, text, rules }: { file: string; text: string; rules: readonly Rule[] },
  selects: Selector,
  out: ReadonlySet<string>,
): string {
  const changed = new Map<number, string>();
  for (const group of groupsOf(rules, selects)) {
    const gone = group.filter((rule) => out.has(selects(rule) ?? ""));
    if (gone.length === 0) continue;
    for (const { line } of gone) changed.set(line, "");
    const left = group.filter((rule) => !gone.includes(rule));
    for (const [line, words] of sharedOut(file, group, left)) changed.set(line, words);
  }
  return text
    .split("\n")
    .map((line, i) => changed.get(i + 1) ?? line)
    .join("\n");
}

function groupsOf(rules: readonly Rule[], selects: Selector): Rule[][] {
  const groups: Rule[][] = [];
  for (const rule of rules) {
    if (selects(rule) === null) continue;
    const last = groups.at(-1)?.at(-1);
    // A rule between two that choose is the end of the choice.
    const follows = last && keyOf(last) === keyOf(rule) && rules.indexOf(rule) === rules.indexOf(last) + 1;
    if (follows) groups.at(-1)?.push(rule);
    else groups.push([rule]);
  }
  return groups;
}

/** Each of the rules that are left takes the share of all that it had among them. */
function sharedOut(file: string, group: readonly Rule[], left: readonly Rule[]): Map<number, string> {
  const shares = new Map<Rule, number>();
  let rest = 1;
  for (const rule of group) {
    const part = chance(file, rule);
    shares.set(rule, rest * part);
    rest -= rest * part;
  }
  const share = (rule: Rule) => shares.get(rule) ?? 0;
  // What no rule of the choice takes goes on to the rules behind it, as before.
  let remaining = rest + left.reduce((sum, rule) => sum + share(rule), 0);
  return new Map(
    left.map((rule): [number, string] => {
      const part = remaining > 0 ? share(rule) / remaining : 1;
      remaining -= share(rule);
      return [rule.line, withChance(file, rule, part)];
    }),
  );
}

function chance(file: string, { words, line }: Rule): number {
  if (!words.includes("statistic")) return 1;
  const probability = after(words, "--probability");
  if (probability !== undefined) return Number(probability);
  if (after(words, "--packet") !== "0")
    throw wrongAt(file, line, "turns with '--packet' other than 0 cannot be shared out anew when a target leaves");
  return 1 / Number(after(words, "--every"));
}

function withChance(file: string, { chain, words, line }: Rule, part: number): string {
  const statistic = words.indexOf("statistic") - 1;
  const isCertain = part > 1 - 1e-6;
  if (statistic < 0 && !isCertain) throw wrongAt(file, line, "no share of this rule can be told");
  const every = Math.round(1 / part);
  const inTurn = words.includes("--every");
  if (inTurn && Math.abs(1 / part - every) > 1e-3)
    throw wrongAt(file, line, "turns of unequal shares cannot be shared out anew when a target leaves");
  const own = new Set(["--mode", "--probability", "--every", "--packet"]);
  const plain = words.filter(
    (word, i) =>
      !own.has(word) && !own.has(words[i - 1] ?? "") && !(statistic >= 0 && (i === statistic || i === statistic + 1)),
  );
  const match = isCertain
    ? []
    : inTurn
      ? ["-m", "statistic", "--mode", "nth", "--every", `${every}`, "--packet", "0"]
      : ["-m", "statistic", "--mode", "random", "--probability", part.toFixed(11)];
  const jump = plain.findIndex((word) => word === "-j" || word === "-g");
  return ["-A", chain, ...plain.slice(0, jump), ...match, ...plain.slice(jump)].join(" ");
}

/** From the rule that takes the VIP, through the chains that it leads to. */
function portFor(
  rules: readonly Rule[],
  byChain: ReadonlyMap<string, readonly Rule[]>,
  { vip, protocol, hosts }: Wanted,
): { vip: number | null; targets: ReadonlyMap<string, number> } | null {
  const portOf = ({ words }: Rule) => after(words, "--dport", "--dports")?.split(/[,:]/)[0];
  const entries = rules.filter(
    ({ words }) =>
      !words.includes("!") &&
      after(words, "-d")?.replace(/\/(?:32|128)$/, "") === vip &&
      (after(words, "-p") ?? protocol) === protocol &&
      leadsOn(byChain, hosts)(words),
  );
  const [first] = entries;
  if (!first) return null;
  const targets = new Map<string, number>();
  for (const { words } of entries
    .filter((one) => portOf(one) === portOf(first))
    .flatMap((one) => reached(byChain, one))) {
    const to = destination(words);
    if (to?.port && hosts.includes(to.host) && (after(words, "-p") ?? protocol) === protocol && !targets.has(to.host))
      targets.set(to.host, to.port);
  }
  const port = portOf(first);
  return { vip: port === undefined ? null : Number(port), targets };
}

function leadsOn(byChain: ReadonlyMap<string, readonly Rule[]>, hosts: readonly string[]) {
  return (words: readonly string[]) =>
    [{ line: 0, table: "nat", chain: "", words }].some((rule) =>
      reached(byChain, rule).some(({ words: own }) => hosts.includes(destination(own)?.host ?? "")),
    );
}

function reached(byChain: ReadonlyMap<string, readonly Rule[]>, entry: Rule): Rule[] {
  const seen = new Set<string>();
  const walk = (rule: Rule): Rule[] => {
    const to = `${rule.table} ${after(rule.words, "-j", "-g")}`;
    if (seen.has(to)) return [rule];
    seen.add(to);
    return [rule, ...(byChain.get(to) ?? []).flatMap(walk)];
  };
  return walk(entry);
}
