// SPDX-License-Identifier: Apache-2.0
// The traffic of a run: a load as generators on the tester, one for each address family or several, whose lines go to the record.
import type { RecordWriter } from "../record/record.ts";
import type { Event, Family, Protocol, StreamName, StreamStart } from "../record/schema.ts";
import type { Lab } from "../runtime/runtime.ts";
import { clientVips, linkOn, SOURCES } from "../topology/topology.ts";
import { type Client, type ClientLine, clientWords, startClient } from "./client.ts";
import { type Liveness, signsMs } from "./liveness.ts";
import { PART_CONNECTIONS, PORT, type ServedPorts, type ServerSetup } from "./servers.ts";

/** Sample lines a second of all generators together; each writes four, unless there are many. */
const SAMPLES_PER_S = 40;
/** Those who visit: less than the 100 that xt_recent remembers. */
const VISITORS = { 4: "50.0.0.0/26", 6: "2000::/122" } as const;
/** Networks leave their first and last address out. */
export const VISIT_SOURCES = 62;

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
  /** VIPs that share the connections; absent: one. */
  vips?: number;
  /** Mode "connect": times at which every source makes one connection; `connections` are those of one visit. */
  visitsS?: readonly number[];
}

export interface Traffic {
  /** Monotonic ns at which the last generator began. */
  t0: number;
  /** Resolves when all generators have ended; rejects when one failed. */
  done: Promise<void>;
  /** Ends them early, in order: every row is still written. */
  stop(): void;
}

/** Starts the generators. Whatever they report goes to the record as it comes. */
export async function startTraffic(lab: Lab, load: Load, record: RecordWriter, liveness: Liveness): Promise<Traffic> {
  const running: Client[] = [];
  const start = async (visit: number | null) => {
    const clients = streamsOf(load, visit).map((stream) => watchedClient({ lab, load, record, liveness }, stream));
    running.push(...clients);
    const started = await lab.clock.during(Promise.all(clients.map((client) => client.started)));
    return { t0: Math.max(...started), done: Promise.all(clients.map((client) => client.done)) };
  };
  const visitsS = load.visitsS ?? [];
  const first = await start(visitsS.length > 0 ? 1 : null);
  const stopped = new AbortController();
  const later = visitsS.slice(1).map(async (s, i) => {
    await lab.clock.sleepUntil(first.t0 + s * 1e9, stopped.signal);
    await lab.clock.during((await start(i + 2)).done);
  });
  return {
    t0: first.t0,
    done: Promise.all([first.done, ...later]).then(() => {}),
    stop: () => {
      stopped.abort();
      for (const client of running) client.stop();
    },
  };
}

/** Its lines go to the record, and its samples are its signs of life. */
function watchedClient(
  { lab, load, record, liveness }: { lab: Lab; load: Load; record: RecordWriter; liveness: Liveness },
  stream: Stream,
): Client {
  const { name, sampleMs } = stream;
  const onGone = (how: string) => client.giveUp(how);
  const pulse = liveness.watch({ of: name, role: "generator", everyNs: sampleMs * 1e6, onGone });
  const client = startClient(lab, clientArgv(lab, load, stream), name, (line) => {
    if (line.event === "stream_start" || line.event === "sample") pulse.beat(line.t);
    else pulse.heard();
    recordLine(record, name, line);
  });
  client.done.catch(() => {}).finally(pulse.end);
  return client;
}

/** What one generator does of a load. */
interface Stream {
  name: StreamName;
  family: Family;
  /** Of its family, which all its parts share. */
  connections: number;
  rate: number;
  part: { number: number; of: number };
  vip: string;
  /** Its number, from 1; null: each connection is made once. */
  visit: number | null;
  sampleMs: number;
}

function streamsOf(load: Load, visit: number | null): Stream[] {
  // Fragments are counted by one process for each family.
  const { vips = 1 } = load;
  const partsOf = (connections: number) =>
    load.mode === "fragments" ? 1 : vips * Math.ceil(connections / vips / PART_CONNECTIONS);
  const shares = load.families.map((_, i) => splitEvenly(load.connections, load.families.length, i));
  const streams = shares.reduce((sum, connections) => sum + partsOf(connections), 0);
  const sampleMs = Math.max(sampleMsOf(streams), signsMs(load.durationS));
  return load.families.flatMap((family, i) => {
    const connections = shares[i] ?? 0;
    const of = partsOf(connections);
    return Array.from({ length: of }, (_, part): Stream => {
      const name = of === 1 ? `ipv${family}` : `ipv${family}/${part + 1}`;
      return {
        name: visit === null ? name : `${name} visit ${visit}`,
        family,
        connections,
        rate: (load.rate * connections) / load.connections,
        part: { number: part + 1, of },
        vip: clientVips(load, family)[part % vips] ?? "",
        visit,
        sampleMs,
      };
    });
  });
}

/** A quarter of a second, or as many as keep the record small. */
function sampleMsOf(streams: number): number {
  return 250 * Math.ceil((streams * 4) / SAMPLES_PER_S);
}

function splitEvenly(total: number, parts: number, i: number): number {
  return Math.floor(total / parts) + (i < total % parts ? 1 : 0);
}

const portOf = ({ mode, protocol, ports }: Pick<Load, "mode" | "protocol" | "ports">) =>
  ports?.vip ?? (mode === "stream" ? PORT.stream[protocol] : PORT[mode]);

/** What the targets must run for it. */
export const serversFor = ({ serverProcesses, mode, protocol, ports }: Load): ServerSetup => ({
  processes: serverProcesses,
  at: ports && { mode, protocol, ports },
});

/** What the flows of a load are drawn from, and what they go to; by family. */
export function flowSources(
  load: Pick<Load, "families" | "mode" | "protocol" | "sources" | "ports" | "vips">,
): Pick<StreamStart, "srcCidr" | "sources" | "dst" | "dport" | "protocol">[] {
  const { families, protocol, sources } = load;
  return families.flatMap((family) =>
    clientVips(load, family).map((dst) => ({
      srcCidr: SOURCES[family],
      ...(sources === undefined ? {} : { sources }),
      dst,
      dport: portOf(load),
      protocol,
    })),
  );
}

function clientArgv(lab: Lab, load: Load, stream: Stream): string[] {
  const { family, connections, visit } = stream;
  const to = {
    family,
    vip: stream.vip,
    port: portOf(load),
    seed: load.seed,
    src: visit === null ? SOURCES[family] : VISITORS[family],
  };
  const sources = load.sources === undefined ? [] : ["--sources", `${load.sources}`];
  return [
    ...clientWords(lab, load.mode, to),
    ...sources,
    "--connections",
    `${connections}`,
    ...modeWords(lab, load, stream),
  ];
}

function modeWords(lab: Lab, load: Load, { part, visit, sampleMs, rate }: Stream): string[] {
  const schedule = ["--rate", `${rate}`, "--size", `${load.size}`, "--duration", `${load.durationS}s`];
  if (load.mode === "fragments") return [...fragmentWords(lab), ...schedule];
  return [
    ...(visit === null ? [] : ["--visit", `${visit}`]),
    ...(load.sameTuple ? ["--same-tuple"] : []),
    ...(load.protocol === "udp" ? ["--udp"] : []),
    "--sample",
    `${sampleMs}ms`,
    "--output",
    "ndjson",
    ...(part.of === 1 ? [] : ["--part", `${part.number}/${part.of}`]),
    ...(load.mode === "connect" ? [] : [...schedule, ...streamWords(load)]),
  ];
}

function streamWords(load: Load): string[] {
  return [
    ...(load.connectTimeoutS === undefined ? [] : ["--connect-timeout", `${load.connectTimeoutS}s`]),
    ...(load.many ? ["--hold", "--vanish"] : []),
    "--ramp",
    `${load.rampS}s`,
    "--stall",
    `${load.stallS}s`,
    ...(load.keepaliveS === undefined ? [] : ["--keepalive", `${load.keepaliveS}s`]),
    "--reconnect",
    "--rows",
  ];
}

/** Fragments go out by hand, each by a router at random: no two need to take the same way. */
function fragmentWords({ topology: { tester, routers } }: Lab): string[] {
  const via = routers.map((router) => linkOn(router, "net2").mac).join(",");
  return ["--device", linkOn(tester, "net2").device, "--via", via];
}

function recordLine(record: RecordWriter, stream: StreamName, { event, ...rest }: ClientLine): void {
  if (rest.rows !== undefined) record.addRows(rest.t, stream, Buffer.from(rest.rows, "base64"));
  else record.add({ ...rest, kind: event, stream } as unknown as Event);
}
