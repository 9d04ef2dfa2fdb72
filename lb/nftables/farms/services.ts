// SPDX-License-Identifier: Apache-2.0
// From what a farm file says to what rules are made of: a farm with its addresses, its policies and the marks of its backends. Pure.
import { isIP } from "node:net";
import { FarmError } from "./errors.ts";
import type { Address, Backend, Farm, FarmFile, Policy, Ports } from "./grammar.ts";

export type Family = 4 | 6;
type Protocol = "tcp" | "udp" | "sctp";

/** What a farm answers to; `protocol` null: every protocol; `ports` null: every port. */
export interface Virtual {
  name: string;
  ip: string;
  protocol: Protocol | null;
  ports: readonly Ports[] | null;
}

/** A backend with the mark that stands for it in rules, unique in its farm. */
export interface Target {
  backend: Backend;
  ip: string;
  mark: number;
}

export interface Service {
  farm: Farm;
  /** Of both families. */
  virtuals: readonly Virtual[];
  /** Backends that have an address, in the order of the file. */
  all: readonly Target[];
  /** Those of them that are not down: sessions may go there. */
  targets: readonly Target[];
  /** Those of them that get new connections. */
  pool: readonly Target[];
  /** In the order in which they are asked. */
  policies: readonly Policy[];
}

export const familyOf = (ip: string): Family => (isIP(ip) === 6 ? 6 : 4);

/** Marks of backends that have none of their own: farm -> backend -> mark. Who keeps it keeps marks when others leave. */
export type Marks = Map<string, Map<string, number>>;

/** Throws FarmError when parts of the file do not fit together. Farms that are not up have no rules. */
export function servicesOf(file: FarmFile, marks: Marks = new Map()): Service[] {
  const addresses = new Map(file.addresses.map((one) => [one.name, one]));
  for (const { addresses: own } of file.farms)
    for (const one of own) if (one["ip-addr"] !== undefined) addresses.set(one.name, one);
  const policies = new Map(file.policies.map((one) => [one.name, one]));
  const services = file.farms
    .filter(({ state }) => state === "up")
    .map((farm) => remembered(farm, { addresses, policies, marks }));
  const before = checked.get(marks);
  if (before?.length !== services.length || services.some(({ virtuals }, i) => virtuals !== before[i])) {
    checkOverlaps(services);
    checked.set(
      marks,
      services.map(({ virtuals }) => virtuals),
    );
  }
  return services;
}

/** What was found to fit together last. */
const checked = new WeakMap<Marks, (readonly Virtual[])[]>();
/** Of each farm, by its marks: the same list again while it says the same. */
const virtualsBefore = new WeakMap<object, { said: string; virtuals: readonly Virtual[] }>();

function sameVirtuals(own: object | undefined, virtuals: readonly Virtual[]): readonly Virtual[] {
  const said = JSON.stringify(virtuals);
  const before = own && virtualsBefore.get(own);
  if (before?.said === said) return before.virtuals;
  if (own) virtualsBefore.set(own, { said, virtuals });
  return virtuals;
}

const known = new WeakMap<Marks, WeakMap<Farm, { uses: readonly unknown[]; service: Service }>>();

/** The same farm object with the same addresses, policies and marks gives the same service object again. */
function remembered(farm: Farm, named: Named): Service {
  const uses = [
    ...farm.addresses.map(({ name }) => named.addresses.get(name)),
    ...farm.policies.map(({ name }) => named.policies.get(name)),
  ];
  const list = known.get(named.marks) ?? new WeakMap();
  known.set(named.marks, list);
  const before = list.get(farm);
  if (before?.uses.every((one, i) => one === uses[i])) return before.service;
  const service = serviceOf(farm, named);
  list.set(farm, { uses, service });
  return service;
}

interface Named {
  addresses: ReadonlyMap<string, Address>;
  policies: ReadonlyMap<string, Policy>;
  marks: Marks;
}

function serviceOf(farm: Farm, { addresses, policies, marks }: Named): Service {
  const markOf = marksOf(farm, marks);
  const all = farm.backends.flatMap((backend): Target[] => {
    const ip = backend["ip-addr"];
    return ip === undefined ? [] : [{ backend, ip, mark: markOf(backend) }];
  });
  const used = new Set<number>();
  for (const { mark, backend } of all) {
    if (used.has(mark))
      throw new FarmError(`Farm '${farm.name}': backend '${backend.name}' has the mark of another one.`);
    used.add(mark);
  }
  const service: Service = {
    farm,
    virtuals: sameVirtuals(
      marks.get(farm.name),
      farm.mode === "local" || all.length > 0 || farm.policies.length > 0 ? virtualsOf(farm, addresses) : [],
    ),
    all,
    targets: all.filter(({ backend }) => backend.state !== "down" && backend.state !== "config_error"),
    pool: inUse(all),
    policies: farm.policies
      .map(({ name }) => {
        const policy = policies.get(name);
        if (!policy) throw new FarmError(`Farm '${farm.name}' has the policy '${name}', which there is not.`);
        return policy;
      })
      .sort((a, b) => a.priority - b.priority),
  };
  checkMode(service);
  return service;
}

/** The marks of a farm's backends: their own, those they were given before, or the lowest that are free. */
function marksOf(farm: Farm, marks: Marks): (backend: Backend) => number {
  const own = marks.get(farm.name) ?? new Map<string, number>();
  marks.set(farm.name, own);
  const given = new Set([...own.values(), ...farm.backends.map(({ mark }) => mark)]);
  let free = 1;
  return (backend) => {
    let mark = backend.mark !== 0 ? backend.mark : own.get(backend.name);
    if (mark === undefined) {
      while (given.has(free)) free++;
      mark = free++;
      own.set(backend.name, mark);
    }
    return (farm.mark | mark) >>> 0;
  };
}

function virtualsOf(farm: Farm, addresses: ReadonlyMap<string, Address>): Virtual[] {
  const list: Pick<Address, "name" | "ip-addr" | "ports" | "protocol">[] = farm.addresses.map(
    (one) => addresses.get(one.name) ?? one,
  );
  const own = farm["virtual-addr"];
  if (own !== undefined && !list.some((one) => one["ip-addr"] === own))
    list.unshift({
      name: `${farm.name}-addr`,
      "ip-addr": own,
      ports: farm["virtual-ports"],
      protocol: farm.protocol,
    });
  return list.flatMap(({ name, "ip-addr": ip, ports, protocol }) => {
    if (ip === undefined) return [];
    // Ports belong to protocols that have them.
    const protocols: (Protocol | null)[] =
      protocol === "all" ? (ports.length > 0 ? ["tcp", "udp", "sctp"] : [null]) : [protocol];
    return protocols.map((one): Virtual => ({ name, ip, protocol: one, ports: ports.length > 0 ? ports : null }));
  });
}

/** nftlb's rule: priority 1 is in use, and one more for each backend of a priority in use that is not up. */
function inUse(all: readonly Target[]): Target[] {
  const isUp = ({ backend: { state } }: Target) => state === "up" || state === "available";
  let priority = 1;
  for (let more = -1; more !== 0; priority += more)
    more = all.filter((one) => one.backend.priority === priority && !isUp(one)).length;
  return all.filter((one) => isUp(one) && one.backend.priority <= priority);
}

/** Each port of a backend is an element of a rule's map. */
const PORTS_MAX = 1024;

export const isStateless = ({ mode }: Farm): boolean => mode === "dsr" || mode === "stlsdnat";

function checkMode({ farm, targets, virtuals }: Service): void {
  const wrong = (message: string) => new FarmError(`Farm '${farm.name}': ${message}`);
  const wide = targets.find(
    ({ backend }) => backend.port.reduce((n, { from, to }) => n + to - from + 1, 0) > PORTS_MAX,
  );
  if (wide) throw wrong(`backend '${wide.backend.name}' has more than ${PORTS_MAX.toLocaleString("en")} ports.`);
  if (isStateless(farm) && (farm["est-connlimit"] > 0 || farm["tcp-strict"]))
    throw wrong(`est-connlimit and tcp-strict need conntrack, which mode '${farm.mode}' does without.`);
  if (farm.mode === "dsr") {
    const [bare] = targets.filter(({ backend }) => backend["ether-addr"] === undefined);
    if (bare) throw wrong(`mode 'dsr' needs the ether-addr of backend '${bare.backend.name}'.`);
    if (farm.iface === undefined || farm.oface === undefined || farm["ether-addr"] === undefined)
      throw wrong("mode 'dsr' needs iface, oface and ether-addr.");
  }
  if (farm.mode !== "stlsdnat") return;
  for (const family of [4, 6])
    if (new Set(virtuals.map(({ ip }) => ip).filter((ip) => familyOf(ip) === family)).size > 1)
      throw wrong("mode 'stlsdnat' takes one address a family: nothing tells of which one a reply is.");
  const ownPorts = targets.some(({ backend }) => backend.port.length > 0);
  if (ownPorts && virtuals.some(({ ports }) => ports?.length !== 1 || ports[0]?.from !== ports[0]?.to))
    throw wrong("backends with ports of their own need one virtual port in mode 'stlsdnat', as replies get it again.");
}

/** A single port goes before a range, and a range before all ports; two farms that claim the same are refused. */
function checkOverlaps(services: readonly Service[]): void {
  const claims = new Map<string, { farm: string; from: number; to: number }[]>();
  for (const { farm, virtuals } of services)
    for (const { ip, protocol, ports } of virtuals)
      for (const { from, to } of ports ?? [{ from: 0, to: 0 }]) {
        const key = `${ip} ${protocol ?? "all"} ${kindOf(ports, from, to)}`;
        const list = claims.get(key) ?? [];
        const other = list.find((one) => one.farm !== farm.name && one.from <= to && from <= one.to);
        if (other)
          throw new FarmError(
            `Farms '${other.farm}' and '${farm.name}' both serve ${ip} ${protocol ?? "all protocols"}${from === 0 ? "" : ` port ${Math.max(from, other.from)}`}.`,
          );
        claims.set(key, [...list, { farm: farm.name, from, to }]);
      }
}

const kindOf = (ports: readonly Ports[] | null, from: number, to: number) =>
  ports === null ? "all" : from === to ? "port" : "range";
