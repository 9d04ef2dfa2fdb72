// SPDX-License-Identifier: Apache-2.0
// What nftlb is told: a farm file at the start, then states of backends. Pure.
import { readFileSync } from "node:fs";
import { clientVips, type Topology } from "../../harness/api/index.ts";
import { weightOf } from "../linux/options.ts";
import { targetIndex, WIRING } from "../nftables/farm.ts";
import type { Settings } from "../nftables/options.ts";
import { mapAddressOf } from "../nftables/ruleset.ts";

interface FarmBackend {
  name: string;
  "ip-addr": string;
  state?: string;
  [field: string]: unknown;
}
export interface FarmObject {
  name: string;
  backends: FarmBackend[];
  [field: string]: unknown;
}

const FAMILY_WORD = { 4: "ipv4", 6: "ipv6" } as const;
const MODE_WORD = { snat: "snat", dnat: "dnat", dsr: "dsr", stateless_dnat: "stlsdnat" } as const;

interface FileObject {
  farms: FarmObject[];
  [field: string]: unknown;
}

/** A file of somebody's own, without what is that machine's wiring. `readFarm` has found it right. */
export function fileOf(file: string): FileObject {
  const { farms, ...rest } = JSON.parse(readFileSync(file, "utf8")) as FileObject;
  // It takes texts for values, and a number for nothing.
  const withoutWiring = <T extends object>(part: T) =>
    Object.fromEntries(
      Object.entries(part)
        .filter(([name]) => !(WIRING as readonly string[]).includes(name))
        .map(([name, value]) => [name, typeof value === "number" ? `${value}` : (value as unknown)]),
    ) as T;
  const wireless = farms.map((farm) => ({
    ...withoutWiring(farm),
    backends: (farm.backends ?? []).map(withoutWiring),
  }));
  return { ...rest, farms: wireless };
}

/**
 * A farm for each family and protocol: nftlb hashes ports of TCP only where one farm has all protocols. The order of the fields
 * matters to nftlb: it looks for interfaces while it reads.
 */
export function farmsFor(topology: Topology, settings: Settings): FarmObject[] {
  const { mode, scheduler, keys, ports, persistenceS, weights, priorities } = settings;
  const portText = (ports ?? []).map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
  const protocols = settings.protocols.filter((one) => one !== "sctp" || topology.sctp);
  return settings.families.flatMap((family) =>
    protocols.flatMap((protocol) =>
      clientVips(topology, family).map((vip, n) => ({
        name: `vip${family}-${protocol}${n === 0 ? "" : `-${n + 1}`}`,
        family: FAMILY_WORD[family],
        "virtual-addr": vip,
        "virtual-ports": portText,
        mode: MODE_WORD[mode],
        protocol,
        scheduler,
        ...(scheduler === "hash" ? { "sched-param": keys.join(" ") } : {}),
        ...(persistenceS > 0 ? { persistence: "srcip", "persist-ttl": `${persistenceS}` } : {}),
        state: "up",
        backends: topology.targets.map((target, i) => ({
          name: target.name,
          "ip-addr": mapAddressOf(target, family),
          weight: `${weightOf(weights, i)}`,
          priority: `${priorities?.[i] ?? 1}`,
          state: "up",
        })),
      })),
    ),
  );
}

/** With exactly these targets (indices) up, but for those that the file has taken out. */
export function withStates(topology: Topology, farms: readonly FarmObject[], active: readonly number[]): FarmObject[] {
  return farms.map((farm) => ({
    ...farm,
    backends: farm.backends.map((one) => ({ ...one, state: stateOf(topology, one, active) })),
  }));
}

/** The body of a request that makes exactly `changed` (indices) so: names and states, no more. */
export function statesOf(
  topology: Topology,
  farms: readonly FarmObject[],
  active: readonly number[],
  changed: readonly number[],
): { farms: FarmObject[] } {
  return {
    farms: farms.map(({ name, backends }) => ({
      name,
      backends: backends
        .filter((one) => changed.includes(indexOf(topology, one)))
        .map((one) => ({ name: one.name, "ip-addr": one["ip-addr"], state: stateOf(topology, one, active) })),
    })),
  };
}

/** The body of a request that gives all targets (indices) these weights. */
export function weightsOf(
  topology: Topology,
  farms: readonly FarmObject[],
  weights: readonly number[],
): { farms: FarmObject[] } {
  return {
    farms: farms.map(({ name, backends }) => ({
      name,
      backends: backends.map((one) => ({
        name: one.name,
        "ip-addr": one["ip-addr"],
        weight: `${weightOf(weights, indexOf(topology, one))}`,
      })),
    })),
  };
}

const indexOf = ({ targets }: Topology, one: FarmBackend) => targetIndex(one["ip-addr"], targets.length);

function stateOf(topology: Topology, one: FarmBackend, active: readonly number[]): string {
  const index = indexOf(topology, one);
  if (index < 0 || (one.state ?? "up") !== "up") return one.state ?? "up";
  return active.includes(index) ? "up" : "down";
}
