// SPDX-License-Identifier: Apache-2.0
// A load, and how it is shared out to generators: one for each address family, or several.
import type { SynCookies } from "../record/base.ts";
import type { Family, Protocol, StreamName } from "../record/schema.ts";
import { clientVips, linkOn, type Machine } from "../topology/topology.ts";
import { signsMs } from "./liveness.ts";
import type { FamilyPlan, Open } from "./open.ts";
import { PART_CONNECTIONS, type ServedPorts } from "./servers.ts";

/** Sample lines a second of all generators together; each writes four, unless there are many. */
const SAMPLES_PER_S = 40;
export interface Load {
  mode: "connect" | "stream" | "fragments";
  families: readonly Family[];
  protocol: Protocol;
  connections: number;
  /** Messages per second over all connections. */
  rate: number;
  durationS: number;
  rampS: number;
  /** Bytes of a message. */
  size: number;
  stallS: number;
  /** Silence after which TCP of the clients asks its peer; absent: never. */
  keepaliveS?: number;
  seed: number;
  /** Connections that are opened again have the 5-tuple that they had. */
  sameTuple?: true;
  /** Client addresses of each family; absent: a whole network. */
  sources?: number;
  /** Processes that share the connections of one target; 1 where that is not said. */
  serverProcesses?: number;
  /** Seconds that the first answer may take; the generator's own where that is not said. */
  connectTimeoutS?: number;
  /** So many connections that none sends its second message before all have been opened, and that they end without a packet. */
  many?: boolean;
  /** Where it is not at the lab's own ports. */
  ports?: ServedPorts;
  /** Connections a second that come besides, each for one answer. */
  arrivals?: number;
  /** Others send meanwhile from sources that never answer. */
  flood?: FloodLoad;
  /** Attackers choose connections for one target. */
  attacks?: readonly Attack[];
  victim?: string;
  /** When messages were missed is told. */
  missed?: true;
  /** VIPs that share the connections; absent: one. */
  vips?: number;
  /** What shares them where that is not the first VIPs at the lab's own port, both families. */
  to?: readonly Destination[];
  /** That share out the connections; absent: one. */
  testers?: number;
  /** They come and go by this plan; absent: they last. */
  open?: Open;
  /** Mode "connect": times at which every source makes one connection; `connections` are those of one visit. */
  visitsS?: readonly number[];
  /** Associations have addresses of two ways, and none is opened again. */
  paths?: 2;
  /** From then on clients use targets' own addresses too. */
  directS?: number;
}

export interface FloodLoad {
  fromS: number;
  untilS: number;
  /** Packets a second, both families together. */
  perS: number;
  /** Half-open connections that a listener has room for; absent: the kernel's. */
  synBacklog?: number;
  /** Absent: with room that was asked for none, else the kernel's default. */
  synCookies?: SynCookies;
}

/** What one attacker does over one family. */
export interface Attack {
  family: Family;
  attacker: "knows" | "guesses";
  /** Numbers of its 5-tuples. */
  numbers: readonly number[];
}
/** `port`: where it is not the lab's own. */
export interface Destination {
  vip: string;
  port?: number;
}

/** What connections of a family share out among them. */
export const destinationsOf = (load: Pick<Load, "vips" | "to">, family: Family): readonly Destination[] =>
  load.to?.filter(({ vip }) => vip.includes(":") === (family === 6)) ??
  clientVips(load, family).map((vip) => ({ vip }));

/** What one generator does of a load. */
export interface Stream extends Destination {
  name: StreamName;
  family: Family;
  /** Of its family, which all its parts share. */
  connections: number;
  rate: number;
  part: { number: number; of: number };
  /** Its number, from 1; null: each connection is made once. */
  visit: number | null;
  sampleMs: number;
  /** The target whose own address it goes to. */
  direct?: string;
  /** Of its family: when each of its connections starts and ends. */
  plan?: FamilyPlan;
  /** Of an attacker: what he knows, and the numbers of his 5-tuples. */
  attack?: { attacker: Attack["attacker"]; numbers: readonly number[] };
  /** Connections that come at `rate`, each for one answer. */
  arrivals?: true;
  /** The tester that makes those whose source is of its share; absent: there is one. */
  by?: { tester: string; share: { number: number; of: number } };
}

/** Connections are shared out by their sources: together testers make those that one would. */
export function sharedOut(streams: readonly Stream[], testers: readonly Pick<Machine, "name">[]): Stream[] {
  const of = testers.length;
  if (of === 1) return [...streams];
  return streams.flatMap((stream) =>
    testers.map(({ name: tester }, i) => ({
      ...stream,
      name: `${stream.name} ${tester}`,
      by: { tester, share: { number: i + 1, of } },
    })),
  );
}

/** Between two messages of one connection. */
export const intervalSOf = ({ open, connections, rate }: Load): number =>
  open ? open.intervalUs / 1e6 : connections / rate;

/** Connections at one time. */
export const livingAtOnce = ({ open, connections }: Load): number => open?.peak ?? connections;

/** One for each family. */
export function arrivalsOf(load: Load): Stream[] {
  const { arrivals, families, durationS } = load;
  if (arrivals === undefined) return [];
  const rate = arrivals / families.length;
  return families.map((family) => ({
    name: `ipv${family}/new`,
    family,
    connections: Math.floor(rate * durationS),
    rate,
    part: { number: 1, of: 1 },
    ...(destinationsOf(load, family)[0] as Destination),
    visit: null,
    sampleMs: Math.max(sampleMsOf(families.length), signsMs(durationS)),
    arrivals: true,
  }));
}

export function streamsOf(load: Load, visit: number | null): Stream[] {
  // Fragments are counted by one process for each family.
  const partsOf = (connections: number, family: Family) => {
    const { length } = destinationsOf(load, family);
    return load.mode === "fragments" ? 1 : length * Math.ceil(connections / length / PART_CONNECTIONS);
  };
  const { open } = load;
  const shares = load.families.map(
    (_, i) => open?.plans[i]?.startUs.length ?? splitEvenly(load.connections, load.families.length, i),
  );
  const parts = load.families.map((family, i) =>
    partsOf(open ? open.peak / load.families.length : (shares[i] ?? 0), family),
  );
  const streams = parts.reduce((sum, n) => sum + n, 0);
  const sampleMs = Math.max(sampleMsOf(streams), signsMs(load.durationS));
  return load.families.flatMap((family, i) => {
    const connections = shares[i] ?? 0;
    const of = parts[i] ?? 1;
    const to = destinationsOf(load, family);
    return Array.from({ length: of }, (_, part): Stream => {
      const name = of === 1 ? `ipv${family}` : `ipv${family}/${part + 1}`;
      return {
        name: visit === null ? name : `${name} visit ${visit}`,
        family,
        connections,
        rate: (load.rate * connections) / load.connections,
        ...(open?.plans[i] ? { plan: open.plans[i] } : {}),
        part: { number: part + 1, of },
        ...(to[part % to.length] as Destination),
        visit,
        sampleMs,
      };
    });
  });
}

/** So many targets' own addresses are used, the first ones. */
const MOST_DIRECT = 4;
/** So much sooner than the connections that they are twins of. */
const TWINS_SOONER_S = 1;
const MIN_SIZE = 80;

/** Those whose own addresses clients use. */
export const directTargets = (targets: readonly Machine[]): readonly Machine[] => targets.slice(0, MOST_DIRECT);

/** What goes to targets' own addresses from `directS` on; messages of another size tell an answer that comes to the wrong socket. */
export const directLoad = (load: Load, directS: number): Load => ({
  ...load,
  size: load.size > MIN_SIZE ? load.size - 1 : load.size + 1,
  rampS: Math.max(load.rampS - TWINS_SOONER_S, TWINS_SOONER_S),
  durationS: load.durationS - directS,
});

/**
 * Each connection to the VIP once more, from its source address and port, to the own address of a target. They take turns, but not in
 * step with a balancer that does too: each round begins with another target, so that some have the target of their twin and some have not.
 */
export function directStreams(load: Load, all: readonly Machine[]): Stream[] {
  const targets = directTargets(all);
  const n = targets.length;
  const streams = streamsOf({ ...load, vips: n * n }, null);
  const some = streams.filter(({ part, connections }) => part.number <= connections);
  return some.map((stream) => {
    const { family, part } = stream;
    const turn = part.number - 1;
    const target = targets[(turn + Math.floor(turn / n)) % n] as Machine;
    const { ipv4, ipv6 } = linkOn(target, "net1");
    return {
      ...stream,
      name: `ipv${family} direct/${part.number}`,
      vip: family === 4 ? ipv4 : ipv6,
      direct: target.name,
    };
  });
}

/** A quarter of a second, or as many as keep the record small. */
function sampleMsOf(streams: number): number {
  return 250 * Math.ceil((streams * 4) / SAMPLES_PER_S);
}

function splitEvenly(total: number, parts: number, i: number): number {
  return Math.floor(total / parts) + (i < total % parts ? 1 : 0);
}
