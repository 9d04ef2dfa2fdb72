// What the iptables backends share: rules of one service, replaced as a whole, and the memory of connections behind them.
import type { Balancer } from "../../harness/backend.ts";
import type { StatefulSpec } from "../../harness/oracle/oracle.ts";
import type { Host, Lab } from "../../harness/runtime/runtime.ts";
import { otherVip, type Topology } from "../../harness/topology/topology.ts";
import { vipPrefix } from "../ecmp/groups.ts";
import { conntrackCounters, flushTargets, type LeaveMode, returnPath } from "../linux/conntrack.ts";
import { addressOf, FAMILIES, ipBatch, onEveryRouter, setSysctls } from "../linux/routers.ts";

export type Family = 4 | 6;
/** The chain that chooses a target for a new connection; PREROUTING and OUTPUT jump to it. */
export const CHAIN = "LB-SERVICE";

/** Lines of the nat table: more chains with their rules, which are the same whichever targets are active; and the service's rules. */
export interface NatRules {
  chains: ReadonlyMap<string, readonly string[]>;
  rules: readonly string[];
}

export interface NatOptions {
  leave: LeaveMode;
  masquerade?: boolean | undefined;
  local: boolean;
  targetPort?: number | undefined;
  /** Besides the VIP's. */
  services: number;
}

/** Routes for what the router itself sends. */
const LOCAL_TABLE = 900;

/** A backend whose rules choose a target once for each connection; conntrack remembers the choice. */
export function natBalancer(
  lab: Lab,
  options: NatOptions,
  active: readonly number[],
  rulesOf: (family: Family, active: readonly number[]) => NatRules,
): Promise<Balancer> {
  const { topology } = lab;
  return onEveryRouter(lab, active, (host) => ({
    async install(first) {
      await setSysctls(host, ["net/netfilter/nf_conntrack_tcp_be_liberal=1"]);
      for (const family of FAMILIES) {
        // A connection of the router's own is looked up before OUTPUT sees it, so the VIP needs a route, wherever it leads.
        // What is forwarded must not find it: a packet that no rule rewrites is a drop that the kernel counts.
        if (options.local) {
          const [vip, table] = [vipPrefix(family), LOCAL_TABLE];
          await ipBatch(
            host,
            [`route add ${vip} dev eth1 table ${table}`, `rule add pref 90 iif lo to ${vip} table ${table}`],
            family,
          );
        }
        const own = rulesOf(family, first);
        if (options.services > 0)
          await restore(host, family, otherServices("nat", family, own.rules, options.services));
        await restore(host, family, natTable(family, topology, own, null, options));
      }
    },
    async change(next, before) {
      const old = before.filter((index) => !next.includes(index));
      await Promise.all(
        FAMILIES.map((family) =>
          restore(host, family, natTable(family, topology, rulesOf(family, next), rulesOf(family, before), options)),
        ),
      );
      if (options.leave === "flush") await flushTargets(host, topology, old);
    },
    counters: () => conntrackCounters(host),
  }));
}

/** One COMMIT: the kernel takes the old table out and puts the new one in at once. Naming a chain empties it. */
function natTable(
  family: Family,
  topology: Topology,
  { chains, rules }: NatRules,
  before: NatRules | null,
  options: NatOptions,
): string {
  const vip = vipPrefix(family);
  const old = before?.chains ?? new Map<string, readonly string[]>();
  const fresh = [...chains].filter(([chain]) => !old.has(chain));
  const unused = [...old.keys()].filter((chain) => !chains.has(chain));
  const hooks = [
    `-A PREROUTING -d ${vip} -j ${CHAIN}`,
    ...(options.local ? [`-A OUTPUT -d ${vip} -j ${CHAIN}`] : []),
    ...(returnPath(topology, options.masquerade) === "masquerade"
      ? ["-A POSTROUTING -o eth1 -m conntrack --ctstate DNAT -j MASQUERADE"]
      : []),
  ];
  return [
    "*nat",
    ...[CHAIN, ...fresh.map(([chain]) => chain), ...unused].map((chain) => `:${chain} - [0:0]`),
    ...(before ? [] : hooks),
    ...rules,
    ...fresh.flatMap(([, own]) => own),
    ...unused.map((chain) => `-X ${chain}`),
    "COMMIT",
    "",
  ].join("\n");
}

/** One more rule in PREROUTING for each further service, which leads to a chain with rules like those of the VIP's. */
export function otherServices(table: "nat" | "mangle", family: Family, rules: readonly string[], n: number): string {
  const each = (lineOf: (chain: string, i: number) => string[]) =>
    Array.from({ length: n }, (_, i) => lineOf(`LB-OTHER-${i + 1}`, i + 1)).flat();
  return [
    `*${table}`,
    ...each((chain) => [`:${chain} - [0:0]`]),
    ...each((chain, i) => [
      `-A PREROUTING -d ${otherVip(i, family)} -j ${chain}`,
      ...rules.map((rule) => rule.replace(`-A ${CHAIN}`, `-A ${chain}`)),
    ]),
    "COMMIT",
    "",
  ].join("\n");
}

export async function restore(host: Host, family: Family, text: string): Promise<void> {
  await host.exec([family === 4 ? "iptables-restore" : "ip6tables-restore", "--noflush"], { input: text });
}

/** "--to-destination" of a target, with a port of its own where one is given. */
export function destination(topology: Topology, index: number, family: Family, port?: number): string {
  const target = topology.targets[index];
  const address = target === undefined ? "" : addressOf(target, family);
  if (port === undefined) return address;
  return family === 4 ? `${address}:${port}` : `[${address}]:${port}`;
}

/** Which connections a stateful backend loses; `assign` null: rules take targets in turn or at random. */
export function statefulOracle(leave: LeaveMode): StatefulSpec {
  return { strategy: "stateful", flush: leave === "flush", assign: null };
}
