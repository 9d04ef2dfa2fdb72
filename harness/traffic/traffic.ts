// SPDX-License-Identifier: Apache-2.0
// The traffic of a run: generators on the tester, whose lines go to the record.
import type { RecordWriter } from "../record/record.ts";
import type { Event, Family, Protocol, StreamStart } from "../record/schema.ts";
import type { Lab } from "../runtime/runtime.ts";
import { SECOND_SOURCES, secondVip } from "../topology/paths.ts";
import { clientVips, linkOn, SOURCES } from "../topology/topology.ts";
import { attackStreams, numbersBytes } from "./attack.ts";
import { type Client, type ClientLine, clientWords, startClient } from "./client.ts";
import { flood } from "./flood.ts";
import type { Liveness } from "./liveness.ts";
import { openStart, planBytes } from "./open.ts";
import { PORT, type ServerSetup } from "./servers.ts";
import {
  arrivalsOf,
  type Destination,
  destinationsOf,
  directLoad,
  directStreams,
  type Load,
  type Stream,
  sharedOut,
  streamsOf,
} from "./streams.ts";

/** Those who visit: less than the 100 that xt_recent remembers. */
const VISITORS = { 4: "50.0.0.0/26", 6: "2000::/122" } as const;
/** Networks leave their first and last address out. */
export const VISIT_SOURCES = 62;

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
  const start = async (streams: readonly Stream[], of = load) => {
    const clients = sharedOut(streams, lab.topology.testers).map((stream) =>
      watchedClient({ lab, load: of, record, liveness }, stream),
    );
    running.push(...clients);
    const started = await lab.clock.during(Promise.all(clients.map((client) => client.started)));
    return { t0: Math.max(...started), done: Promise.all(clients.map((client) => client.done)) };
  };
  const visitsS = load.visitsS ?? [];
  const first = await start([
    ...streamsOf(load, visitsS.length > 0 ? 1 : null),
    ...arrivalsOf(load),
    ...attackStreams(load, (family) => clientVips(load, family)[0] ?? ""),
  ]);
  const stopped = new AbortController();
  const at = (s: number) => lab.clock.sleepUntil(first.t0 + s * 1e9, stopped.signal);
  const later = visitsS.slice(1).map(async (s, i) => {
    await at(s);
    await lab.clock.during((await start(streamsOf(load, i + 2))).done);
  });
  const { directS } = load;
  if (directS !== undefined)
    later.push(
      at(directS).then(async () => {
        const own = directLoad(load, directS);
        await lab.clock.during((await start(directStreams(own, lab.topology.targets), own)).done);
      }),
    );
  const { flood: others } = load;
  if (others)
    later.push(
      at(others.fromS).then(() =>
        lab.clock.during(flood(lab, { ...load, flood: others }, portOf({ ...load, mode: "connect" }), record)),
      ),
    );
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
  const { plan, attack } = stream;
  const input = plan ? planBytes(plan) : attack ? numbersBytes(attack.numbers) : null;
  const of = { name, ...(stream.by ? { tester: stream.by.tester } : {}), ...(input ? { input } : {}) };
  const client = startClient(lab, clientArgv(lab, load, stream), of, (line) => {
    if (line.event === "stream_start" || line.event === "sample") pulse.beat(line.t);
    else pulse.heard();
    recordLine(record, stream, line, load);
  });
  client.done.catch(() => {}).finally(pulse.end);
  return client;
}

/** How long an arrival waits for its answer: TCP sends a SYN again after 1, 3 and 7 seconds, SCTP an INIT after 3. */
const ARRIVAL_TIMEOUT_S = { tcp: 8, udp: 1, sctp: 8 } as const;

/** TCP is what it speaks by itself. */
const protocolWords = (protocol: Protocol) => (protocol === "tcp" ? [] : [`--${protocol}`]);

/** Each has its own 5-tuple, and all may wait at the same time. */
function arrivalWords(protocol: Protocol, { rate, sampleMs }: Stream): string[] {
  const seconds = ARRIVAL_TIMEOUT_S[protocol];
  const waiting = Math.ceil(rate * seconds) + 64;
  return [
    "--rate",
    `${rate}`,
    "--timeout",
    `${seconds}s`,
    "--concurrent",
    `${waiting}`,
    "--sample",
    `${sampleMs}ms`,
    "--output",
    "ndjson",
    ...protocolWords(protocol),
  ];
}

const portOf = ({ mode, protocol, ports }: Pick<Load, "mode" | "protocol" | "ports">) =>
  ports?.vip ?? (mode === "stream" ? PORT.stream[protocol] : PORT[mode]);

/** What the targets must run for it. */
export const serversFor = ({ serverProcesses, mode, protocol, ports, to = [] }: Load): ServerSetup => ({
  processes: serverProcesses,
  at: ports && { mode, protocol, ports },
  more: { mode, ports: [...new Set(to.flatMap(({ port }) => port ?? []))] },
});

/** Where associations have a second path, that is theirs. */
const secondPart = ({ paths }: Pick<Load, "paths">, family: 4 | 6): Pick<StreamStart, "second"> =>
  paths ? { second: { srcCidr: SECOND_SOURCES[family], dst: secondVip(family) } } : {};

/** What the flows of a load are drawn from, and what they go to; by family. */
export function flowSources(
  load: Pick<Load, "families" | "mode" | "protocol" | "sources" | "ports" | "vips" | "to" | "paths">,
): FlowSource[] {
  return load.families.flatMap((family) => destinationsOf(load, family).map((to) => flowSource(load, family, to)));
}

type FlowSource = Pick<StreamStart, "srcCidr" | "sources" | "dst" | "dport" | "protocol" | "second">;

/** The same of those that go to one destination. */
export const flowSource = (
  { protocol, sources, ...load }: Pick<Load, "mode" | "protocol" | "sources" | "ports" | "paths">,
  family: Family,
  { vip, port = portOf({ ...load, protocol }) }: Destination,
): FlowSource => ({
  srcCidr: SOURCES[family],
  ...(sources === undefined ? {} : { sources }),
  dst: vip,
  dport: port,
  protocol,
  ...secondPart(load, family),
});

function clientArgv(lab: Lab, load: Load, stream: Stream): string[] {
  const { family, connections, visit, arrivals, by } = stream;
  const mode = arrivals ? "connect" : load.mode;
  const to = {
    family,
    vip: stream.vip,
    port: stream.port ?? portOf({ ...load, mode }),
    seed: load.seed,
    src: visit === null ? SOURCES[family] : VISITORS[family],
  };
  const sources = load.sources === undefined ? [] : ["--sources", `${load.sources}`];
  return [
    ...clientWords(lab, mode, to),
    ...sources,
    ...(by ? ["--share", `${by.share.number}/${by.share.of}`] : []),
    ...(load.paths && !arrivals ? ["--second-src", SECOND_SOURCES[family]] : []),
    "--connections",
    `${connections}`,
    ...(arrivals ? arrivalWords(load.protocol, stream) : modeWords(lab, load, stream)),
  ];
}

function modeWords(lab: Lab, load: Load, { part, visit, sampleMs, rate, attack }: Stream): string[] {
  const pace = load.open ? ["--interval", `${load.open.intervalUs}us`] : ["--rate", `${rate}`];
  const schedule = [...pace, "--size", `${load.size}`, "--duration", `${load.durationS}s`];
  if (load.mode === "fragments") return [...fragmentWords(lab), ...schedule];
  return [
    ...(visit === null ? [] : ["--visit", `${visit}`]),
    ...(attack ? ["--only", "-"] : []),
    ...(load.sameTuple ? ["--same-tuple"] : []),
    ...protocolWords(load.protocol),
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
    ...(load.open ? ["--plan", "-"] : ["--ramp", `${load.rampS}s`, ...(load.paths ? [] : ["--reconnect"])]),
    "--stall",
    `${load.stallS}s`,
    ...(load.missed ? ["--missed"] : []),
    ...(load.keepaliveS === undefined ? [] : ["--keepalive", `${load.keepaliveS}s`]),
    "--rows",
  ];
}

/** Fragments go out by hand, each by a router at random: no two need to take the same way. */
function fragmentWords({ topology: { tester, routers } }: Lab): string[] {
  const via = routers.map((router) => linkOn(router, "net2").mac).join(",");
  return ["--device", linkOn(tester, "net2").device, "--via", via];
}

function recordLine(
  record: RecordWriter,
  { name, family, direct, arrivals, plan, attack }: Stream,
  { event, ...rest }: ClientLine,
  load: Load,
): void {
  if (rest.rows !== undefined) record.addRows(rest.t, name, Buffer.from(rest.rows, "base64"));
  else {
    const kind = {
      ...(direct === undefined ? {} : { direct }),
      ...(arrivals ? { arrivals } : {}),
      ...(attack ? { attack: { by: attack.attacker, victim: load.victim } } : {}),
      ...(plan && load.open ? { open: openStart(load.open) } : {}),
      ...secondPart(load, family),
    };
    record.add({ ...rest, ...(event === "stream_start" ? kind : {}), kind: event, stream: name } as unknown as Event);
  }
}
