// SPDX-License-Identifier: Apache-2.0
// What the iptables backends share: rules of one service, replaced as a whole, and the memory of connections behind them.
import { z } from "zod";
import {
  addressOf,
  FAMILIES,
  type Host,
  type IpFamily,
  ipBatch,
  iptablesRestore,
  type KernelProbe,
  otherVip,
  planTopology,
  type Requirements,
  type Router,
  type RouterSide,
  type StatefulSpec,
  setSysctls,
  TOOLS,
  type Tool,
  type Topology,
  vipPrefix,
} from "../../harness/api/index.ts";
import { conntrackCounters, flushTargets, type LeaveMode, returnPath, setTimeouts } from "../linux/conntrack.ts";
import { clampRules } from "../linux/mss-clamp.ts";
import { memoryPart } from "../linux/options.ts";
import { limitTable, masqueradeRules, ownKernel, tableFull, wantsMasquerade } from "../linux/room.ts";
import { snatCounters } from "../linux/snat-ports.ts";

export const variant = z
  .enum(["nft", "legacy"])
  .optional()
  .describe("iptables by nf_tables, or by the older ip_tables (what iptables-restore is on this machine)");
type Variant = z.infer<typeof variant>;

/** One generation of a service's rules in one family. */
export interface Rules {
  table: "nat" | "mangle";
  /** Chains of the table from which packets for the VIP come. */
  hooks: readonly string[];
  /** Rules of the service's own chain. The last one must leave no packet to a chain behind this one. */
  rules: readonly string[];
  /** More chains with their rules, which are the same whichever targets are active. */
  chains?: ReadonlyMap<string, readonly string[]>;
  /** Rules beside the service that stay for good, with their "-A chain". */
  beside?: readonly string[];
}

export interface NatOptions {
  leave: LeaveMode;
  masquerade?: boolean | undefined;
  local: boolean;
  targetPort?: number | undefined;
  variant?: Variant;
  timeouts: string;
  looseTcp: boolean;
  mssClamp?: number | undefined;
  snatPorts?: string | undefined;
  randomFully?: boolean | undefined;
  conntrackMax?: number | undefined;
}

/** Routes for what the router itself sends. */
const LOCAL_TABLE = 900;

type NatRulesOf = (family: IpFamily, active: readonly number[], topology: Topology) => Pick<Rules, "rules" | "chains">;

/** A backend whose rules choose a target once for each connection; conntrack remembers the choice. */
export function natSide(
  { host, lab, topology, services }: Router,
  options: NatOptions,
  rulesOf: NatRulesOf,
): RouterSide {
  const service = generations(host, options.variant, natRules(topology, options, rulesOf), services);
  return {
    async install(first) {
      await setSysctls(host, [
        "net/netfilter/nf_conntrack_tcp_be_liberal=1",
        `net/netfilter/nf_conntrack_tcp_loose=${Number(options.looseTcp)}`,
      ]);
      await setTimeouts(host, options.timeouts);
      await clamp(host, options);
      // A connection of the router's own is looked up before OUTPUT sees it, so the VIP needs a route, wherever it leads.
      // What is forwarded must not find it: a packet that no rule rewrites is a drop that the kernel counts.
      for (const family of options.local ? FAMILIES : []) {
        const [vip, table] = [vipPrefix(family), LOCAL_TABLE];
        await ipBatch(
          host,
          [`route add ${vip} dev eth1 table ${table}`, `rule add pref 90 iif lo to ${vip} table ${table}`],
          family,
        );
      }
      await service.replace(first);
      await limitTable(lab, options);
    },
    async change(next, before) {
      await service.replace(next);
      const old = before.filter((index) => !next.includes(index));
      if (options.leave === "flush") await flushTargets(host, topology, old);
      service.tidy();
    },
    counters: async () => ({
      ...(await conntrackCounters(host)),
      ...(await tableFull(lab, host, options)),
      ...(await snatCounters(host, options)),
    }),
    idle: () => service.idle(),
  };
}

/** Packets pass as they are, and no route leads them on. */
const NO_TARGET: Pick<Rules, "rules"> = { rules: ["-j ACCEPT"] };

function natRules(topology: Topology, options: NatOptions, rulesOf: NatRulesOf) {
  return (family: IpFamily, active: readonly number[]): Rules => ({
    table: "nat",
    hooks: ["PREROUTING", ...(options.local ? ["OUTPUT"] : [])],
    beside:
      returnPath(topology, options.masquerade ?? wantsMasquerade(options)) === "masquerade"
        ? masqueradeRules("-o eth1 -m conntrack --ctstate DNAT", options)
        : [],
    ...(active.length > 0 ? rulesOf(family, active, topology) : NO_TARGET),
  });
}

/** The rules of two targets behind two routers are tried, so that everything they need is. */
export function natRequirements(options: NatOptions, rulesOf: NatRulesOf): Requirements {
  const rules = natRules(planTopology({ targets: 2, routers: 2 }), options, rulesOf);
  const needs = ruleRequirements([TOOLS.conntrack], options.variant, (family) => rules(family, [0, 1]));
  return { ...clampNeeds(needs, options), ...ownKernel(options) };
}

type Clamped = Pick<NatOptions, "mssClamp" | "variant">;

export function clampNeeds(needs: Requirements, { mssClamp, variant: given }: Clamped): Requirements {
  const clamps = (mssClamp === undefined ? [] : FAMILIES).map((family) =>
    probeOf(family, clampRules(mssClamp as number, family), given),
  );
  return { ...needs, kernel: [...(needs.kernel ?? []), ...clamps] };
}

export async function clamp(host: Host, { mssClamp, variant: given }: Clamped): Promise<void> {
  for (const family of mssClamp === undefined ? [] : FAMILIES)
    await restore(host, family, clampRules(mssClamp as number, family), given);
}

export function ruleRequirements(
  tools: readonly Tool[],
  given: Variant,
  rulesOf: (family: IpFamily) => Rules,
): Requirements {
  return {
    tools: [...FAMILIES.map((family) => iptablesRestore(family, given)), ...tools],
    kernel: FAMILIES.map((family) =>
      probeOf(family, added(family, { number: 1, rules: rulesOf(family) }, null), given),
    ),
  };
}

const probeOf = (family: IpFamily, input: string, given: Variant): KernelProbe => ({
  what: `match, target or table that these rules need in ${iptablesRestore(family, given).name}`,
  // An ordinary user may not write where the older program keeps its lock.
  argv: ["env", "XTABLES_LOCKFILE=/dev/null", ...restoreWords(family, given)],
  input,
  remedy: given === "legacy" ? "Load ip_tables, or try variant=nft." : "Load its module, or use another kernel.",
});

interface Generation {
  number: number;
  rules: Rules;
}

/**
 * The rules of one service on one router. A change puts the chain of a new generation in front of the old one with one commit, so
 * there is no moment without rules and no packet sees two generations. What is behind it is removed by `tidy`, which nobody waits for: a
 * program that deletes rules cannot end before the kernel's last reader of them has gone, 10 to 30 ms.
 */
export function generations(
  host: Host,
  given: Variant,
  rulesOf: (family: IpFamily, active: readonly number[], generation: number) => Rules,
  services = 0,
): {
  /** In force when it resolves. */
  replace(active: readonly number[]): Promise<void>;
  /** Removes the generation before, and does this too. */
  tidy(more?: () => Promise<unknown>): void;
  /** Resolves when the last `tidy` has ended. */
  idle(): Promise<unknown>;
} {
  let number = 0;
  const now = new Map<IpFamily, Generation>();
  const old = new Map<IpFamily, Generation>();
  let tidied: Promise<unknown> = Promise.resolve();
  const restored = (textOf: (family: IpFamily) => string) =>
    Promise.all(FAMILIES.map((family) => restore(host, family, textOf(family), given)));
  return {
    async replace(active) {
      await tidied;
      number++;
      await restored((family) => {
        const before = now.get(family) ?? null;
        const next = { number, rules: rulesOf(family, active, number) };
        if (before) old.set(family, before);
        now.set(family, next);
        return added(family, next, before, services);
      });
    },
    tidy(more) {
      const gone = restored((family) => {
        const [before, next] = [old.get(family), now.get(family)];
        return before && next ? removed(family, before, next) : "";
      });
      tidied = Promise.all([gone, more?.()]);
      // Told at the next change, if there is one; else the lab has gone.
      tidied.catch(() => {});
    },
    idle: () => tidied,
  };
}

const chainOf = ({ number }: Generation) => `LB-SERVICE-${number}`;

function added(family: IpFamily, next: Generation, before: Generation | null, services = 0): string {
  const chain = chainOf(next);
  const { table, hooks, rules, chains, beside } = next.rules;
  const fresh = [...(chains ?? [])].filter(([name]) => !before?.rules.chains?.has(name));
  return [
    `*${table}`,
    ...[chain, ...fresh.map(([name]) => name)].map((name) => `:${name} - [0:0]`),
    ...fresh.flatMap(([name, own]) => own.map((rule) => `-A ${name} ${rule}`)),
    ...rules.map((rule) => `-A ${chain} ${rule}`),
    ...(before ? [] : [...(beside ?? []), ...otherServices(family, rules, services)]),
    // Behind those of further services, as that of most services is.
    ...hooks.map(
      (hook) => `-I ${hook} ${hook === "PREROUTING" ? services + 1 : 1} -d ${vipPrefix(family)} -j ${chain}`,
    ),
    "COMMIT",
    "",
  ].join("\n");
}

/** A rule in PREROUTING for each further service, which leads to a chain with rules like those of the VIP's. */
function otherServices(family: IpFamily, rules: readonly string[], n: number): string[] {
  return Array.from({ length: n }, (_, i) => `LB-OTHER-${i + 1}`).flatMap((chain, i) => [
    `:${chain} - [0:0]`,
    `-A PREROUTING -d ${otherVip(i + 1, family)} -j ${chain}`,
    ...rules.map((rule) => `-A ${chain} ${rule}`),
  ]);
}

function removed(family: IpFamily, before: Generation, next: Generation): string {
  const chain = chainOf(before);
  const { table, hooks, chains } = before.rules;
  const unused = [chain, ...[...(chains?.keys() ?? [])].filter((name) => !next.rules.chains?.has(name))];
  return [
    `*${table}`,
    ...hooks.map((hook) => `-D ${hook} -d ${vipPrefix(family)} -j ${chain}`),
    ...["-F", "-X"].flatMap((verb) => unused.map((name) => `${verb} ${name}`)),
    "COMMIT",
    "",
  ].join("\n");
}

/** All of it or nothing; throws when the program refuses a line. */
export async function restore(host: Host, family: IpFamily, text: string, given?: Variant): Promise<void> {
  await host.exec(restoreWords(family, given), { input: text });
}

/** The older program has one lock for all families and routers. */
const restoreWords = (family: IpFamily, given: Variant) => [iptablesRestore(family, given).name, "--noflush", "--wait"];

/** "--to-destination" of a target, with a port of its own where one is given. */
export function destination(topology: Topology, index: number, family: IpFamily, port?: number): string {
  const target = topology.targets[index];
  const address = target === undefined ? "" : addressOf(target, family);
  if (port === undefined) return address;
  return family === 4 ? `${address}:${port}` : `[${address}]:${port}`;
}

/** Which connections a stateful backend loses; `assign` null: rules take targets in turn or at random. */
export function statefulOracle({
  leave,
  timeouts,
  looseTcp,
}: Pick<NatOptions, "leave" | "timeouts" | "looseTcp">): StatefulSpec {
  return { strategy: "stateful", flush: leave === "flush", assign: null, ...memoryPart(timeouts, looseTcp) };
}
