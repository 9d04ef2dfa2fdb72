// SPDX-License-Identifier: Apache-2.0
// Verdict maps that lead a packet to the chain of its farm: as many look-ups with one farm as with a thousand. Pure.
import type { ChainPart, Part } from "./parts.ts";
import { type Family, familyOf, type Virtual } from "./services.ts";

/** By which fields of a packet its farm is found: its own, those of its connection's first packet, or as a reply. */
type By = "packet" | "original" | "reply";
interface Base {
  table: string;
  hook: string;
}
interface Use {
  base: keyof typeof BASES;
  by: By;
}

const POLICY_ACCEPT = "policy accept;";
export const BASES = {
  policies: { table: "inet nft-lb", hook: `type filter hook prerouting priority raw - 10; ${POLICY_ACCEPT}` },
  stateless: { table: "inet nft-lb", hook: `type filter hook prerouting priority raw; ${POLICY_ACCEPT}` },
  filter: { table: "inet nft-lb", hook: `type filter hook prerouting priority mangle; ${POLICY_ACCEPT}` },
  prerouting: { table: "inet nft-lb", hook: `type nat hook prerouting priority dstnat; ${POLICY_ACCEPT}` },
  output: { table: "inet nft-lb", hook: `type nat hook output priority -100; ${POLICY_ACCEPT}` },
  forward: { table: "inet nft-lb", hook: `type filter hook forward priority filter - 100; ${POLICY_ACCEPT}` },
  out: { table: "inet nft-lb", hook: `type filter hook postrouting priority mangle; ${POLICY_ACCEPT}` },
  postrouting: { table: "inet nft-lb", hook: `type nat hook postrouting priority srcnat; ${POLICY_ACCEPT}` },
  ingress: { table: "netdev nft-lb", hook: "" },
} satisfies Record<string, Base>;

/** In the order of their rules. */
const USES = {
  policy: { base: "policies", by: "packet" },
  reply: { base: "stateless", by: "reply" },
  stateless: { base: "stateless", by: "packet" },
  filter: { base: "filter", by: "packet" },
  choice: { base: "prerouting", by: "packet" },
  intra: { base: "output", by: "packet" },
  forward: { base: "forward", by: "original" },
  sent: { base: "out", by: "original" },
  source: { base: "postrouting", by: "original" },
  dsr: { base: "ingress", by: "packet" },
} satisfies Record<string, Use>;

export interface Entry {
  use: keyof typeof USES;
  chain: string;
  virtual: Virtual;
}

/** Ranges up to this many ports are single entries of a hash, as that look-up costs less than an interval's. */
const SINGLE_PORTS = 64;

interface Form {
  suffix: string;
  type: string;
  interval: boolean;
}
/** From the most exact to the least, which is the order of the look-ups. */
const FORMS = {
  port: { suffix: "", type: " . inet_proto . inet_service", interval: false },
  range: { suffix: "-range", type: " . inet_proto . inet_service", interval: true },
  protocol: { suffix: "-proto", type: " . inet_proto", interval: false },
  any: { suffix: "-any", type: "", interval: false },
} satisfies Record<string, Form>;
type FormName = keyof typeof FORMS;

const IP = { 4: "ip", 6: "ip6" } as const;

function fieldsOf(by: By, family: Family, form: FormName): string {
  const ip = IP[family];
  const ported = form === "port" || form === "range";
  switch (by) {
    case "packet":
    case "reply": {
      const end = by === "packet" ? "d" : "s";
      const parts = [
        `${ip} ${end}addr`,
        ...(form === "any" ? [] : ["meta l4proto"]),
        ...(ported ? [`th ${end}port`] : []),
      ];
      return parts.join(" . ");
    }
    case "original": {
      // nft knows the type of a connection's port only behind a match of the protocol.
      const guard = ported ? "meta l4proto { tcp, udp, sctp } " : "";
      const parts = [
        `ct original ${ip} daddr`,
        ...(form === "any" ? [] : ["meta l4proto"]),
        ...(ported ? ["ct original proto-dst"] : []),
      ];
      return guard + parts.join(" . ");
    }
  }
}

/** Maps and base chains for all entries. `first`: rules of base chains besides the look-ups; `devices`: of ingress. */
export function lookups(
  entries: readonly Entry[],
  first: Partial<Record<keyof typeof BASES, readonly string[]>>,
  devices: readonly string[],
): Map<string, Part> {
  const parts = new Map<string, Part>();
  const rules: Partial<Record<keyof typeof BASES, string[]>> = {};
  for (const [base, given] of Object.entries(first)) rules[base as keyof typeof BASES] = [...given];
  for (const [name, use] of Object.entries(USES)) {
    const { table } = BASES[use.base];
    const mine = entries.filter((entry) => entry.use === name);
    if (mine.length === 0) continue;
    const maps = elementsOf(mine);
    for (const form of Object.keys(FORMS) as FormName[])
      for (const family of [4, 6] as const) {
        const elements = maps.get(`${form}${family}`);
        if (!elements) continue;
        const map = `${name}${family}${FORMS[form].suffix}`;
        const type = `type ip${family === 4 ? "v4" : "v6"}_addr${FORMS[form].type} : verdict`;
        parts.set(`${table} ${map}`, {
          kind: "map",
          spec: [type, ...(FORMS[form].interval ? ["flags interval"] : [])],
          elements,
        });
        const rule = `${fieldsOf(use.by, family, form)} vmap @${map}`;
        rules[use.base] = [...(rules[use.base] ?? []), rule];
      }
  }
  for (const base of Object.keys(BASES) as (keyof typeof BASES)[]) {
    const chain = rules[base];
    if (chain) parts.set(`${BASES[base].table} ${base}`, baseChain(base, chain, devices));
  }
  return parts;
}

function baseChain(base: keyof typeof BASES, rules: readonly string[], devices: readonly string[]): ChainPart {
  const hook =
    base === "ingress"
      ? `type filter hook ingress devices = { ${devices.map((one) => `"${one}"`).join(", ")} } priority filter; ${POLICY_ACCEPT}`
      : BASES[base].hook;
  return { kind: "chain", hook, rules };
}

function elementsOf(entries: readonly Entry[]): Map<string, Map<string, string>> {
  const maps = new Map<string, Map<string, string>>();
  const put = (form: FormName, family: Family, key: string, chain: string) => {
    const map = maps.get(`${form}${family}`) ?? new Map<string, string>();
    maps.set(`${form}${family}`, map.set(key, `goto ${chain}`));
  };
  for (const { chain, virtual } of entries) {
    const { ip, protocol, ports } = virtual;
    const family = familyOf(ip);
    if (protocol === null) put("any", family, ip, chain);
    else if (ports === null) put("protocol", family, `${ip} . ${protocol}`, chain);
    else
      for (const { from, to } of ports)
        if (to - from < SINGLE_PORTS)
          for (let port = from; port <= to; port++) put("port", family, `${ip} . ${protocol} . ${port}`, chain);
        else put("range", family, `${ip} . ${protocol} . ${from}-${to}`, chain);
  }
  return maps;
}
