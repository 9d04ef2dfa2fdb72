// SPDX-License-Identifier: Apache-2.0
// Farms, addresses and policies as nftlb's REST service prints them: every value a text, defaults too. Pure.
import type { Address, Backend, Farm, Policy, Ports, Rate } from "./grammar.ts";
import { familyOf } from "./services.ts";

type Printed = Record<string, unknown>;

const ports = (list: readonly Ports[]) =>
  list.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
const words = (list: readonly string[]) => (list.length === 0 ? "none" : list.join(" "));
const mark = (value: number) => `0x${value.toString(16)}`;
const rate = ({ count, unit }: Rate) => `${count}/${unit}`;
const flag = (value: boolean) => (value ? "on" : "off");
const given = (fields: Printed) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

export function printFarm(farm: Farm): Printed {
  return {
    name: farm.name,
    family: farm.family,
    "virtual-addr": farm["virtual-addr"] ?? "",
    "virtual-ports": ports(farm["virtual-ports"]),
    "source-addr": farm["source-addr"] ?? "",
    mode: farm.mode,
    protocol: farm.protocol,
    scheduler: farm.scheduler,
    "sched-param": words(farm["sched-param"]),
    persistence: words(farm.persistence),
    "persist-ttl": `${farm["persist-ttl"]}`,
    helper: farm.helper,
    log: words(farm.log),
    "log-rtlimit": rate(farm["log-rtlimit"]),
    mark: mark(farm.mark),
    priority: farm.priority ?? "1",
    state: farm.state,
    ...given({
      iface: farm.iface,
      oface: farm.oface,
      "ether-addr": farm["ether-addr"],
      "log-prefix": farm["log-prefix"],
    }),
    ...printLimits(farm),
    verdict: words(farm.verdict),
    "flow-offload": flag(farm["flow-offload"]),
    "intra-connect": flag(farm["intra-connect"]),
    queue: `${farm.queue}`,
    addresses: addressesOf(farm).map(printAddress),
    backends: farm.backends.map(printBackend),
    sessions: farm.sessions.map(({ client, backend }) => ({ client, backend })),
    policies: farm.policies.map(({ name }) => ({ name })),
  };
}

function printLimits(farm: Farm): Printed {
  return {
    "limits-ttl": `${farm["limits-ttl"]}`,
    "new-rtlimit": rate(farm["new-rtlimit"]),
    "new-rtlimit-burst": `${farm["new-rtlimit-burst"]}`,
    "rst-rtlimit": rate(farm["rst-rtlimit"]),
    "rst-rtlimit-burst": `${farm["rst-rtlimit-burst"]}`,
    "est-connlimit": `${farm["est-connlimit"]}`,
    "tcp-strict": flag(farm["tcp-strict"]),
    ...given({
      "new-rtlimit-log-prefix": farm["new-rtlimit-log-prefix"],
      "rst-rtlimit-log-prefix": farm["rst-rtlimit-log-prefix"],
      "est-connlimit-log-prefix": farm["est-connlimit-log-prefix"],
      "tcp-strict-log-prefix": farm["tcp-strict-log-prefix"],
    }),
  };
}

type ShownAddress = Pick<Address, "name" | "family" | "ip-addr" | "ports" | "protocol">;

/** The farm's own, named after it, and those of the list. */
function addressesOf(farm: Farm): ShownAddress[] {
  const own = farm["virtual-addr"];
  if (own === undefined || farm.addresses.some((one) => one["ip-addr"] === own)) return farm.addresses;
  const family = familyOf(own) === 4 ? "ipv4" : "ipv6";
  const shown = { name: `${farm.name}-addr`, family, "ip-addr": own, ports: farm["virtual-ports"] } as const;
  return [{ ...shown, protocol: farm.protocol }, ...farm.addresses];
}

export function printAddress(one: ShownAddress): Printed {
  const { name, family, protocol } = one;
  return { name, family, "ip-addr": one["ip-addr"] ?? "", ports: ports(one.ports), protocol };
}

function printBackend(one: Backend): Printed {
  return {
    name: one.name,
    "ip-addr": one["ip-addr"] ?? "",
    port: ports(one.port),
    "source-addr": one["source-addr"] ?? "",
    weight: `${one.weight}`,
    priority: `${one.priority}`,
    mark: mark(one.mark),
    "est-connlimit": `${one["est-connlimit"]}`,
    ...given({ "ether-addr": one["ether-addr"], "est-connlimit-log-prefix": one["est-connlimit-log-prefix"] }),
    state: one.state,
  };
}

export function printPolicy(one: Policy): Printed {
  return {
    name: one.name,
    family: one.family,
    type: one.type,
    timeout: `${one.timeout}`,
    priority: `${one.priority}`,
    ...given({ "log-prefix": one["log-prefix"] }),
    elements: one.elements.map(({ data }) => ({ data })),
  };
}
