// SPDX-License-Identifier: Apache-2.0
// What the addresses of somebody's file are in the lab: the VIP, targets in order of appearance, or what --set map says.
import {
  addressOf,
  FAMILIES,
  type IpFamily,
  linkOn,
  type Machine,
  otherVip,
  type Protocol,
  planTopology,
  type Served,
  SOURCES,
  type Topology,
  UsageError,
  VIP,
} from "../../harness/api/index.ts";
import { type FileOptions, wrongAt } from "./file.ts";

export interface FoundServer {
  host: string;
  /** null: the port that the client asked for. */
  port: number | null;
  weight: number;
  line: number;
}

/** What a VIP serves at one port. */
export interface FoundService {
  vip: string;
  port: number;
  protocol: Protocol;
  line: number;
  servers: readonly FoundServer[];
}

/** Number of a VIP, 0 the one that connections go to; index of a target. */
export type Place = { vip: number } | { target: number } | "router" | "clients" | "targets" | "keep";

export interface Layout {
  file: string;
  placeOf: ReadonlyMap<string, Place>;
  served: Served;
  /** VIPs besides the one that connections go to. */
  others: number;
  /** The services that connections go to, one for each family. */
  chosen: (protocol: Protocol) => readonly FoundService[];
  /** By target; 0 for those that the service does not have. null: its families differ. */
  weights: (protocol: Protocol) => readonly number[] | null;
  indexOf: (host: string) => number | undefined;
}

export const familyOf = (host: string): IpFamily => (host.includes(":") ? 6 : 4);

/** `given` null: as many targets as it needs. Throws UsageError when the file's servers are not as many as the lab's targets, or the map does not fit. */
export function layOut(
  { config: file = "", map, servicePort }: FileOptions,
  services: readonly FoundService[],
  given: number | null,
): Layout {
  if (!services.some(({ servers }) => servers.length > 0))
    throw new UsageError(`'${file}' has no service of a VIP with servers.`);
  const targets = given ?? Math.max(...FAMILIES.map((family) => hostsOf(services, family).length));
  const placeOf = mapOf(map, targets);
  checkMap(file, placeOf, services);
  placeInOrder(placeOf, services, targets);
  checkNumber(file, placeOf, services, targets);
  const isVip = (place: Place | undefined): place is { vip: number } => typeof place === "object" && "vip" in place;
  const indexOf = (host: string) => {
    const place = placeOf.get(host);
    return typeof place === "object" && "target" in place ? place.target : undefined;
  };
  const first = (protocol: Protocol) =>
    services.find((one) => one.protocol === protocol && isMain(placeOf, one) && one.port === (servicePort ?? one.port));
  const chosen = (protocol: Protocol) =>
    FAMILIES.flatMap((family) => {
      const wanted = first(protocol)?.port;
      const fits = (one: FoundService) =>
        one.protocol === protocol && one.port === wanted && familyOf(one.vip) === family && isMain(placeOf, one);
      return services.find(fits) ?? [];
    });
  const weights = (protocol: Protocol) => weightsOf(chosen(protocol), targets, indexOf);
  const protocols = (["tcp", "udp"] as const).filter((protocol) => first(protocol));
  if (protocols.length === 0)
    throw new UsageError(`'${file}' has no service at port ${servicePort}. ${portsOf(services)}`);
  const all = [...new Set(services.flatMap(({ port: own, servers }) => servers.map((server) => server.port ?? own)))];
  const ports = Object.fromEntries(
    protocols.map((protocol) => {
      const main = portsAt(file, chosen(protocol), targets, indexOf);
      return [protocol, { ...main, others: all.filter((one) => !main.targets.includes(one)) }];
    }),
  );
  const families = familiesOf(protocols.flatMap(chosen));
  const familiesFor = Object.fromEntries(protocols.map((protocol) => [protocol, familiesOf(chosen(protocol))]));
  const others = Math.max(0, ...[...placeOf.values()].map((place) => (isVip(place) ? place.vip : 0)));
  const served = { families, familiesFor, protocols, source: `Configuration '${file}'`, ports };
  return { file, placeOf, served, others, chosen, weights, indexOf };
}

const isMain = (placeOf: ReadonlyMap<string, Place>, { vip }: FoundService) => {
  const place = placeOf.get(vip);
  return typeof place === "object" && "vip" in place && place.vip === 0;
};

const familiesOf = (services: readonly FoundService[]) =>
  FAMILIES.filter((family) => services.some(({ vip }) => familyOf(vip) === family));

const portsOf = (services: readonly FoundService[]) =>
  `It has ${[...new Set(services.map(({ port, protocol }) => `${port}/${protocol}`))].join(", ")}.`;

const NAMED = ["router", "clients", "targets", "keep"] as const;

/** "203.0.113.10:vip,10.1.0.7:vm-002". */
function mapOf(map: string | undefined, targets: number): Map<string, Place> {
  const machines = planTopology({ targets, routers: 1 }).targets;
  return new Map(
    (map ?? "")
      .split(",")
      .filter((word) => word !== "")
      .map((word): [string, Place] => {
        const at = word.lastIndexOf(":");
        const [old, now] = [word.slice(0, at), word.slice(at + 1)];
        const named = NAMED.find((name) => name === now);
        const vip = /^vip(\d*)$/.exec(now);
        const target = machines.findIndex(({ name }) => name === now);
        if (at > 0 && named) return [old, named];
        if (at > 0 && vip) return [old, { vip: Math.max(1, Number(vip[1])) - 1 }];
        if (at > 0 && target >= 0) return [old, { target }];
        throw new UsageError(
          `Invalid value '${word}' in --set map: expected OLD:NEW, NEW vip, vip2, router, clients, targets, keep, or vm-001 to ${machines.at(-1)?.name}.`,
        );
      }),
  );
}

/** VIPs and servers must not be anything else. Other words of the map are for whoever knows the rest of the file. */
function checkMap(file: string, placeOf: ReadonlyMap<string, Place>, services: readonly FoundService[]): void {
  for (const { vip, line, servers } of services) {
    const place = placeOf.get(vip);
    if (place !== undefined && !(typeof place === "object" && "vip" in place))
      throw wrongAt(file, line, `'${vip}' is a VIP here, and --set map says it is something else`);
    for (const { host, line: at } of servers) {
      const server = placeOf.get(host);
      if (server !== undefined && !(typeof server === "object" && "target" in server))
        throw wrongAt(file, at, `'${host}' is a server here, and --set map says it is something else`);
    }
  }
}

/** What the map does not name comes in order of appearance, each family by itself. */
function placeInOrder(placeOf: Map<string, Place>, services: readonly FoundService[], targets: number): void {
  const given = [...placeOf];
  for (const family of FAMILIES) {
    const taken = (kind: "vip" | "target") =>
      new Set(
        given.flatMap(([old, place]) =>
          familyOf(old) === family && typeof place === "object" && kind in place ? [Object.values(place)[0]] : [],
        ),
      );
    const free = { vip: numbersWithout(taken("vip")), target: numbersWithout(taken("target")) };
    const ofFamily = services.filter(({ vip }) => familyOf(vip) === family);
    for (const { vip } of ofFamily) if (!placeOf.has(vip)) placeOf.set(vip, { vip: free.vip.next().value ?? 0 });
    const hosts = services.flatMap(({ servers }) => servers.map(({ host }) => host));
    for (const host of hosts)
      if (familyOf(host) === family && !placeOf.has(host))
        placeOf.set(host, { target: free.target.next().value ?? targets });
  }
}

function* numbersWithout(taken: ReadonlySet<unknown>): Generator<number> {
  for (let n = 0; ; n++) if (!taken.has(n)) yield n;
}

const hostsOf = (services: readonly FoundService[], family: IpFamily) => [
  ...new Set(
    services.flatMap(({ servers }) => servers.map(({ host }) => host)).filter((host) => familyOf(host) === family),
  ),
];

function checkNumber(
  file: string,
  placeOf: ReadonlyMap<string, Place>,
  services: readonly FoundService[],
  targets: number,
): void {
  for (const family of FAMILIES) {
    const hosts = hostsOf(services, family);
    if (hosts.length === 0) continue;
    const indices = new Set(hosts.map((host) => JSON.stringify(placeOf.get(host))));
    if (indices.size < hosts.length) throw new UsageError(`--set map gives one target two servers of '${file}'.`);
    if (hosts.length !== targets)
      throw new UsageError(
        `'${file}' names ${hosts.length} servers (${hosts.slice(0, 4).join(", ")}${hosts.length > 4 ? ", ..." : ""}), and the lab has ${targets} targets. Try --targets ${hosts.length}.`,
      );
  }
}

/** Each target listens at one port. */
function portsAt(
  file: string,
  services: readonly FoundService[],
  targets: number,
  indexOf: (host: string) => number | undefined,
) {
  const vip = services[0]?.port ?? 0;
  const ports: number[] = Array.from({ length: targets }, () => vip);
  const seen = new Map<number, number>();
  for (const service of services)
    for (const { host, port, line } of service.servers) {
      const index = indexOf(host) ?? 0;
      const own = port ?? service.port;
      if ((seen.get(index) ?? own) !== own)
        throw wrongAt(
          file,
          line,
          `'${host}' serves at port ${seen.get(index)} too, and a target of the lab serves at one`,
        );
      seen.set(index, own);
      ports[index] = own;
    }
  return { vip, targets: ports };
}

function weightsOf(
  services: readonly FoundService[],
  targets: number,
  indexOf: (host: string) => number | undefined,
): number[] | null {
  const each = services.map(({ servers }) => {
    const weights: number[] = Array.from({ length: targets }, () => 0);
    for (const { host, weight } of servers) {
      const index = indexOf(host) ?? 0;
      weights[index] = (weights[index] ?? 0) + weight;
    }
    return weights;
  });
  const [first = null] = each;
  return each.every((weights) => weights.join() === first?.join()) ? first : null;
}

/** The lab's address of a place; the file's own where it is to be kept. */
export function labAddress(old: string, place: Place, topology: Topology, router: Machine): string {
  const family = familyOf(old);
  if (place === "keep" || place === "targets") return old;
  if (place === "clients") return SOURCES[family];
  if (place === "router") return family === 4 ? linkOn(router, "net1").ipv4 : linkOn(router, "net1").ipv6;
  if ("vip" in place) return place.vip === 0 ? VIP[family] : otherVip(place.vip, family);
  const target = topology.targets[place.target];
  return target ? addressOf(target, family) : old;
}
