// SPDX-License-Identifier: Apache-2.0
// A farm file as the rules of one router: its own wiring, the lab's targets in use, and what options say in place of the file. Pure.
import {
  addressBytes,
  addressText,
  FAMILIES,
  linkOn,
  type Machine,
  otherVip,
  type Topology,
} from "../../harness/api/index.ts";
import { returnPath } from "../linux/conntrack.ts";
import { masqueradeStatements, wantsMasquerade } from "../linux/room.ts";
import { type FarmPlan, isVip, readFarm, servicesIn, targetIndex } from "./farm.ts";
import type { Farm, FarmFile } from "./farms/grammar.ts";
import { type Ruleset, script, TABLES_GONE, whole } from "./farms/parts.ts";
import { RENDER_DEFAULTS, rulesetOf } from "./farms/render.ts";
import type { RenderOptions } from "./farms/words.ts";
import type { Given } from "./options.ts";
import type { RouterRules } from "./ruleset.ts";

interface Place {
  topology: Topology;
  router: Machine;
  services: number;
}

/** Throws UsageError where the file is wrong. */
export function farmRules(path: string, place: Place, given: Given): RouterRules {
  const plan = readFarm(path, place.topology.targets.length);
  const options = renderOptions(given);
  const rules = (active: readonly number[]): Ruleset =>
    rulesetOf(servicesIn(routed(plan, place, given, active), path), options);
  return {
    install: (active) => whole(rules(active)),
    replace: (active) => TABLES_GONE + whole(rules(active)),
    change: (active, before) => script(rules(before), rules(active)),
    removed: TABLES_GONE,
  };
}

const renderOptions = ({ hashSeed, unsafe, snatPorts, randomFully }: Given): RenderOptions => ({
  ...RENDER_DEFAULTS,
  hashSeed,
  unsafe,
  masquerade: masqueradeStatements("", { snatPorts, randomFully }).map((rule) => rule.trim()),
});

/** The file as this router has it. */
function routed(plan: FarmPlan, place: Place, given: Given, active: readonly number[]): FarmFile {
  const serving = new Set(plan.serving.map(({ farm }) => farm));
  const farms = plan.file.farms.map((farm) =>
    wired(serving.has(farm) ? overridden(farm, given, place) : farm, place, active),
  );
  const [first] = farms.filter((_, i) => serving.has(plan.file.farms[i] as Farm));
  return { ...plan.file, farms: first ? [...farms, ...others(first, place.services)] : farms };
}

/** What was given by itself comes before what the file says. */
function overridden(farm: Farm, given: Given, { topology }: Place): Farm {
  const mode = given.mode === undefined ? farm.mode : given.mode === "stateless_dnat" ? "stlsdnat" : given.mode;
  const masquerades = mode === "dnat" && returnPath(topology, wantsMasquerade(given)) === "masquerade";
  return {
    ...farm,
    mode: masquerades ? "snat" : mode,
    scheduler: given.scheduler ?? farm.scheduler,
    "virtual-ports": given.ports ?? farm["virtual-ports"],
    ...(given.persistence > 0 ? { persistence: ["srcip" as const], "persist-ttl": given.persistence } : {}),
    backends: farm.backends.map((one) => {
      const index = targetIndex(one["ip-addr"], topology.targets.length);
      return {
        ...one,
        weight: given.weights?.[index] ?? one.weight,
        priority: given.priorities?.[index] ?? one.priority,
      };
    }),
  };
}

/** nft takes no IPv6 address that ends in dotted decimals in a map. */
const plain = (ip: string) => addressText(addressBytes(ip));

function wired(farm: Farm, { topology, router }: Place, active: readonly number[]): Farm {
  const { targets } = topology;
  return {
    ...farm,
    iface: "eth2",
    oface: "eth1",
    "ether-addr": linkOn(router, "net1").mac,
    "virtual-addr": farm["virtual-addr"] && plain(farm["virtual-addr"]),
    addresses: farm.addresses.map((one) => (one["ip-addr"] ? { ...one, "ip-addr": plain(one["ip-addr"]) } : one)),
    backends: farm.backends.map((one) => {
      const index = targetIndex(one["ip-addr"], targets.length);
      const target = targets[index];
      if (!target) return one;
      const state = one.state === "up" && !active.includes(index) ? ("down" as const) : one.state;
      return { ...one, state, "ip-addr": plain(one["ip-addr"] ?? ""), "ether-addr": linkOn(target, "net1").mac };
    }),
  };
}

/** Further services, which nobody asks for: the farm at other addresses. */
function others(farm: Farm, services: number): Farm[] {
  const families = FAMILIES.filter((family) => ownsFamily(farm, family));
  return Array.from({ length: services }, (_, i) => i + 1).flatMap((i) =>
    families.map((family) => ({
      ...farm,
      name: `${farm.name}-${i}-${family}`,
      "virtual-addr": otherVip(i, family),
      addresses: [],
    })),
  );
}

const ownsFamily = (farm: Farm, family: 4 | 6): boolean =>
  [farm["virtual-addr"], ...farm.addresses.map((one) => one["ip-addr"])].some(
    (ip) => ip !== undefined && isVip(ip) && ip.includes(":") === (family === 6),
  );
