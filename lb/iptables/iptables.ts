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
  type Lifecycle,
  modprobe,
  type Protocol,
  planTopology,
  type Requirements,
  type Router,
  type RouterSide,
  ruleModules,
  type StatefulSpec,
  setSysctls,
  TOOLS,
  type Tool,
  type Topology,
  vipPrefix,
} from "../../harness/api/index.ts";
import {
  beginsAnew,
  conntrackCounters,
  flushTargets,
  type LeaveMode,
  returnPath,
  setTimeouts,
} from "../linux/conntrack.ts";
import { clampRules } from "../linux/mss-clamp.ts";
import { noRoute } from "../linux/no-route.ts";
import { memoryPart } from "../linux/options.ts";
import { limitTable, masqueradeRules, ownKernel, tableFull, wantsMasquerade } from "../linux/room.ts";
import { endsAs, HANDS_OVER } from "../linux/running.ts";
import { snatCounters } from "../linux/snat-ports.ts";
import { LOCAL_TABLE, type Shield, shieldCounters, shieldRules, takesLoose, wayThrough } from "../linux/synproxy.ts";
import { added, controlOf, generations, restore, restoreWords } from "./generations.ts";

export const variant = z
  .enum(["nft", "legacy"])
  .optional()
  .describe("iptables by nf_tables, or by the older ip_tables (what iptables-restore is on this machine)");
export type Variant = z.infer<typeof variant>;

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

export interface NatOptions extends Shield {
  leave: LeaveMode;
  masquerade?: boolean | undefined;
  local: boolean;
  targetPort?: number | undefined;
  variant?: Variant;
  timeouts: string;
  mssClamp?: number | undefined;
  snatPorts?: string | undefined;
  randomFully?: boolean | undefined;
  conntrackMax?: number | undefined;
}

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
        `net/netfilter/nf_conntrack_tcp_loose=${Number(takesLoose(options))}`,
      ]);
      await setTimeouts(host, options.timeouts);
      await clamp(host, options);
      if (options.synproxy) await shield(host, options);
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
    control: controlOf(service),
    counters: async () => ({
      ...(await conntrackCounters(host)),
      ...(await tableFull(lab, host, options)),
      ...(await snatCounters(host, options)),
      ...(await shieldCounters(host, options)),
    }),
    idle: () => service.idle(),
  };
}

/** Replies that return to a router's own address do not come to another one. */
export const natShares = (options: NatOptions): boolean => !(options.masquerade ?? wantsMasquerade(options) ?? false);

/** Conntrack is off in a machine where no rule needs it, and then nothing is translated. */
export const natLifecycle = (protocol: Protocol): Lifecycle => ({
  keeps: "conntrack's entries, which translate nothing until the rules are back",
  ...endsAs({ open: "silence", fresh: noRoute(protocol), edge: true }),
  ...HANDS_OVER,
});

/** Packets pass as they are, and no route leads them on. */
const NO_TARGET: Pick<Rules, "rules"> = { rules: ["-j ACCEPT"] };

function natRules(topology: Topology, options: NatOptions, rulesOf: NatRulesOf) {
  return (family: IpFamily, active: readonly number[]): Rules => ({
    table: "nat",
    hooks: ["PREROUTING", ...(options.local || options.synproxy ? ["OUTPUT"] : [])],
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
  const shields = (options.synproxy ? FAMILIES : []).map((family) =>
    probeOf(family, shieldRules(family), options.variant),
  );
  const clamped = clampNeeds(needs, options);
  return { ...clamped, kernel: [...(clamped.kernel ?? []), ...shields], ...ownKernel(options) };
}

async function shield(host: Host, { variant: given, local }: NatOptions): Promise<void> {
  await wayThrough(host, !local);
  for (const family of FAMILIES) await restore(host, family, shieldRules(family), given);
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
  remedy:
    given === "legacy"
      ? `${modprobe(...legacyTables(family, input), ...ruleModules(family, input))} Or try '--set variant=nft'.`
      : modprobe(...ruleModules(family, input)),
});

const legacyTables = (family: IpFamily, rules: string): string[] =>
  [...rules.matchAll(/^\*(\w+)/gm)].map(([, table]) => `ip${family === 6 ? "6" : ""}table_${table}`);

/** "--to-destination" of a target, with a port of its own where one is given. */
export function destination(topology: Topology, index: number, family: IpFamily, port?: number): string {
  const target = topology.targets[index];
  const address = target === undefined ? "" : addressOf(target, family);
  if (port === undefined) return address;
  return family === 4 ? `${address}:${port}` : `[${address}]:${port}`;
}

/** Which connections a stateful backend loses; `assign` null: rules take targets in turn or at random. */
export function statefulOracle(
  { leave, timeouts, ...shielded }: Pick<NatOptions, "leave" | "timeouts" | keyof Shield>,
  protocol: Protocol,
): StatefulSpec {
  const memory = memoryPart(timeouts, beginsAnew(protocol, takesLoose(shielded)));
  return { strategy: "stateful", flush: leave === "flush", assign: null, ...memory };
}
